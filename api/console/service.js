// The HTTP API, as whoever the token says. The token is kept in this tab's storage and goes into a header only.

const BASE = new URL("api/v1/", document.baseURI);
const KEPT = "aivo-chat-token";

export class Refused extends Error {
  constructor(status, detail, wait) {
    super(detail);
    this.status = status;
    this.wait = wait; // seconds
  }
}

export const token = {
  read: () => sessionStorage.getItem(KEPT),
  keep: (text) => sessionStorage.setItem(KEPT, text),
  forget: () => sessionStorage.removeItem(KEPT),
};

// The token counts no more: whoever shows what was read with it is told why. A token that came meanwhile stays.
export function shut(why, sent = token.read()) {
  if (sent !== token.read()) return;
  token.forget();
  dispatchEvent(new CustomEvent("shut", { detail: why }));
}

// What the token says; nothing is trusted to it: the service judges.
export function claims() {
  try {
    const part = token.read().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (one) => one.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

async function ask(path, params, options) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(params)) if (value !== null && value !== undefined) url.searchParams.set(name, value);
  const sent = token.read();
  const headers = { authorization: `Bearer ${sent}`, ...options.headers };
  const answer = await fetch(url, { ...options, headers, cache: "no-cache", credentials: "omit" });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const detail = problem.detail ?? `the service answers ${answer.status}`;
  if (answer.status === 401) shut(detail, sent);
  throw new Refused(answer.status, detail, Number(answer.headers.get("retry-after")));
}

export async function get(path, params = {}, signal = null) {
  const sent = token.read();
  const found = await (await ask(path, params, { signal })).json();
  if (sent !== token.read()) throw new DOMException("the token is another one now", "AbortError");
  return found;
}

// Server-sent events over fetch, since EventSource can send no header. Yields {event, data, id}.
export async function* events(path, lastId, signal) {
  const headers = { accept: "text/event-stream", ...(lastId ? { "last-event-id": String(lastId) } : {}) };
  const answer = await ask(path, {}, { signal, headers });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const found = parse(block);
      if (found.data) yield { ...found, data: JSON.parse(found.data) };
    }
  }
}

function parse(block) {
  const found = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "data") found.data += found.data ? `\n${value}` : value;
    else if (name) found[name] = value;
  }
  return found;
}
