// A learner's privacy requests: their state, what was done for them, and what receipts they left.

import { made, show, when } from "./page.js";
import { get } from "./service.js";

const NAMES = { export: "Export", deletion: "Erasure", enrolment: "Enrolment" };

export async function open(learner) {
  const [requests, audit] = await Promise.all([
    get("privacy/requests", { learner_id: learner }),
    get("privacy/audit", { learner_id: learner }),
  ]);
  const refused = audit.items.filter((one) => one.action === "refused");
  show(
    made("div", { class: "head" }, made("h2", {}, `Privacy requests of ${learner}`), made("p", {}, counted(requests))),
    made("div", { class: "requests" }, ...requests.items.map(request), refusals(refused)),
  );
}

const counted = ({ items, next_cursor }) => (next_cursor ? `The newest ${items.length}` : items.length === 0 ? "None yet" : items.length === 1 ? "1 request" : `${items.length} requests`);

function request(one) {
  const why = one.reason_code ?? one.reason;
  const facts = { Request: one.request_id, Reason: why, Step: one.step, By: one.requested_by, Asked: when(one.requested_at), Changed: when(one.updated_at) };
  return made(
    "article", { class: "card" },
    made("div", { class: "head" }, made("h3", {}, NAMES[one.kind] ?? one.kind), made("p", { class: "state", "data-state": one.state }, one.state)),
    made("dl", { class: "facts" }, ...Object.entries(facts).flatMap(([name, value]) => (value ? [made("dt", {}, name), made("dd", {}, value)] : []))),
    lines(one.audit),
    one.receipt && made("details", {}, made("summary", {}, "Signed receipt"), made("pre", { tabindex: "0" }, JSON.stringify(one.receipt, null, 2))),
  );
}

const lines = (audit) => made("ol", { class: "audit", "aria-label": "What was done" }, ...audit.map((one) =>
  made("li", {}, when(one.at), [one.action, one.code, one.actor && `by ${one.actor}`].filter(Boolean).join(" · "))));

const refusals = (refused) => refused.length === 0 ? null : made("article", { class: "card" }, made("h3", {}, "Refused privacy commands"), lines(refused));
