"""Who answers with pages of messages: one file each."""

from bench.contenders import BARE_LOOP, SERVICE
from bench.reader import Reader
from bench.readers import bare_driver, over_http

SERVICE_API = Reader("service", SERVICE, over_http.read, module="bench.readers.service_api", ready=over_http.ready)
BARE_DRIVER = Reader("bare driver", BARE_LOOP, bare_driver.read, bare=True)

READERS = (SERVICE_API, BARE_DRIVER)
