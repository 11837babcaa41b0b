"""Who answers with pages of messages: one file each."""

from bench.contenders import BARE_LOOP, FASTAPI_POSTGRES, SERVICE
from bench.http_client import serves
from bench.reader import Reader
from bench.readers import bare_driver, over_http

SERVICE_API = Reader("service", SERVICE, over_http.read, module="bench.readers.service_api", ready=serves)
BARE_DRIVER = Reader("bare driver", BARE_LOOP, bare_driver.read, bare=True)
POSTGRES = Reader("FastAPI + PostgreSQL", FASTAPI_POSTGRES, over_http.read)

READERS = (SERVICE_API, BARE_DRIVER, POSTGRES)
