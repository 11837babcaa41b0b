// Unpacks the Chromium of the package below TMPDIR and prints where it is.
import chromium from "@sparticuz/chromium";

console.log(await chromium.executablePath());
