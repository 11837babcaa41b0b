// The page: a token, a learner, and what is shown of them. The fragment says which, and never reaches the service.

import { $, made, say, show, when } from "./page.js";
import * as privacy from "./privacy.js";
import * as refusals from "./refusals.js";
import { claims, get, token } from "./service.js";
import * as thread from "./thread.js";

const PANELS = { privacy, refusals };

let conversation = null;
let cursor = null;

const place = () => new URLSearchParams(location.hash.slice(1));
const go = (where) => { location.hash = new URLSearchParams(where).toString(); };

// A link from `chat up` brings its token in the fragment: it is taken out before anything else is done.
function takeToken() {
  const where = place();
  if (!where.has("token")) return;
  token.keep(where.get("token"));
  where.delete("token");
  history.replaceState(null, "", `#${where}`);
}

function enter() {
  const inside = token.read() !== null;
  $("door").hidden = inside;
  $("house").hidden = $("leave").hidden = !inside;
  if (!inside) return $("token").focus();
  const { user_id, sub, role, tenant_id, learner_scope = [] } = claims();
  $("who").textContent = [user_id ?? sub, role, tenant_id].filter(Boolean).join(" · ");
  const learners = learner_scope.filter((one) => one !== "*");
  $("learners").replaceChildren(...learners.map((value) => made("option", { value })));
  if (!place().has("learner") && learners.length > 0) return go({ learner: learners[0] });
  return follow();
}

async function follow() {
  const learner = place().get("learner");
  if (conversation) drop(); // what nobody follows is not shown: nobody would hear that it is gone
  say("");
  if (learner === null || token.read() === null) return;
  $("learner").value = learner;
  const asked = place();
  const panel = Object.keys(PANELS).find((name) => asked.has(name));
  for (const name of Object.keys(PANELS)) {
    $(name).disabled = false;
    current(name, name === panel);
  }
  if (panel) await PANELS[panel].open(learner);
  if ($("threads").dataset.learner !== learner) await list(learner);
  if (asked.has("thread")) {
    const found = await get(`threads/${encodeURIComponent(asked.get("thread"))}`);
    if (place().toString() !== asked.toString()) return;
    conversation?.close();
    conversation = thread.open(found, over);
  } else if (!panel) show(made("p", { class: "empty" }, $("threads").children.length ? "Choose a thread." : `${learner} has no threads that this token may see.`));
  for (const one of $("threads").querySelectorAll("button")) one.setAttribute("aria-current", one.dataset.thread === asked.get("thread"));
}

function drop(...instead) {
  conversation?.close();
  conversation = null;
  $("content").replaceChildren(...instead);
}

function forgetThreads() {
  $("threads").replaceChildren();
  delete $("threads").dataset.learner;
  $("more-threads").hidden = true;
}

// The shown thread is gone, its learner perhaps too: the titles beside it are asked for again.
function over(ended) {
  if (ended !== conversation) return;
  drop(made("p", { class: "state", role: "alert", id: "state", "data-state": "ended" }, ended.state.text));
  forgetThreads();
  tried(() => list(place().get("learner")));
}

// Nothing that was read with the token stays, shown or hidden.
function shut(why) {
  drop();
  forgetThreads();
  enter();
  say(why);
}

const current = (id, yes) => $(id).setAttribute("aria-current", yes);

async function list(learner, after = null) {
  const page = await get("threads", { learner_id: learner, cursor: after });
  if (after === null) $("threads").replaceChildren();
  $("threads").dataset.learner = learner;
  $("threads").append(...page.items.map((one) => item(learner, one)));
  cursor = page.next_cursor;
  $("more-threads").hidden = cursor === null;
}

function item(learner, one) {
  const unread = one.unread > 0 ? made("span", { class: "badge" }, `${one.unread} unread`) : null;
  const about = made("small", {}, `${one.last_seq} message${one.last_seq === 1 ? "" : "s"} · `, when(one.last_activity_at));
  const opened = () => go({ learner, thread: one.thread_id });
  return made("li", {}, made("button", { type: "button", class: "item", "data-thread": one.thread_id, onclick: opened }, made("span", { class: "title" }, one.title), unread ?? made("span"), about));
}

function leave() {
  conversation?.close();
  token.forget();
  history.replaceState(null, "", location.pathname);
  location.reload();
}

async function tried(work) {
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token.keep($("token").value.trim());
  $("token").value = "";
  tried(enter);
});
$("learner-form").addEventListener("submit", (event) => {
  event.preventDefault();
  delete $("threads").dataset.learner;
  const learner = $("learner").value.trim();
  if (place().get("learner") === learner && place().size === 1) tried(follow);
  else go({ learner });
});
for (const name of Object.keys(PANELS)) $(name).addEventListener("click", () => go({ learner: $("learner").value, [name]: "" }));
$("more-threads").addEventListener("click", () => tried(() => list($("learner").value, cursor)));
$("leave").addEventListener("click", leave);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("content").focus();
});
window.addEventListener("shut", ({ detail }) => shut(detail));
window.addEventListener("hashchange", () => { takeToken(); tried(enter); });
takeToken();
tried(enter);
