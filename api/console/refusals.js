// What was refused of a learner's commands, newest first, and since when that is all there was.

import { made, say, show, when } from "./page.js";
import { get } from "./service.js";

export async function open(learner) {
  const rows = made("ol", { class: "requests", "aria-label": "Refused commands" });
  const whole = made("p", { role: "status", id: "whole" });
  const more = made("button", { type: "button", class: "quiet", hidden: true, onclick: () => next().catch((error) => say(error.message)) }, "Look further back");
  let cursor = null;

  async function next() {
    more.disabled = true;
    try {
      const page = await get("refusals", { learner_id: learner, cursor });
      rows.append(...page.items.map(refusal));
      cursor = page.next_cursor;
      whole.replaceChildren(...summary(rows.children.length, page.since));
    } finally {
      more.disabled = false;
      more.hidden = cursor === null;
    }
  }

  await next();
  show(made("div", { class: "head" }, made("h2", {}, `Refused commands of ${learner}`), whole), rows, more);
}

const summary = (count, since) => [count === 0 ? "None" : count === 1 ? "1 refusal" : `${count} refusals`, ...(since === null ? [", all that is kept"] : [" since ", when(since)])];

function refusal(one) {
  const facts = { Command: one.command_id, Lies: `${one.topic}, partition ${one.partition}, offset ${one.offset}`, Event: one.event_id };
  return made(
    "li", { class: "card" },
    made("div", { class: "head" }, made("h3", {}, made("code", {}, one.code)), made("p", {}, when(one.timestamp))),
    made("p", {}, one.detail),
    made("dl", { class: "facts" }, ...Object.entries(facts).flatMap(([name, value]) => (value ? [made("dt", {}, name), made("dd", {}, value)] : []))),
  );
}
