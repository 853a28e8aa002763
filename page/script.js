"use strict";

// The dashboard of the get API. Data flows one way: address of the page -> request -> answer -> tables.
// Everything that comes from a device is written with textContent, never as HTML.
// Neither the number sign nor the dollar sign stands in this file: API Gateway's templates give them a meaning.

const POLL_SECONDS = 5;
const HIDDEN_POLL_SECONDS = 60;
const CODES_SECONDS = 60;
const MAX_BACKOFF_SECONDS = 300;
const CLOCK_TOLERANCE_SECONDS = 300;
// 2010-01-01: a clock before it was never set (docs/devices.md).
const OLDEST_CLOCK = 1262304000;
const PAGE = 50;
const KEY = "get-api-key";

const element = (id) => document.getElementById(id);
const names = JSON.parse(element("names").textContent);
// Without the slash, a stage's address (…/prod) would lose its last part in relative addresses.
const base = location.pathname.endsWith("/") ? location.pathname : location.pathname + "/";

// ---- What is shown: the address says it, so that a link shows the same to somebody else. ----

let view = readView();
let logs = emptyLogs();
let codes = emptyCodes();

function readView() {
  const query = new URLSearchParams(location.search);
  const hours = Number(query.get("hours"));
  return { code: query.get("code"), device: query.get("device"), hours: hours === 168 ? 168 : 24 };
}

function addressOf({ code = null, device = null, hours = view.hours }) {
  const query = new URLSearchParams();
  if (code !== null) query.set("code", code);
  if (device !== null) query.set("device", device);
  if (hours !== 24) query.set("hours", hours);
  const text = query.toString();
  return text === "" ? base : base + "?" + text;
}

function emptyLogs() {
  return { tag: null, rows: [], next: null, seen: null, asOf: null, answeredAt: null };
}

function emptyCodes() {
  return { tag: null, rows: [], due: 0 };
}

function isOverview() {
  return view.code === null && view.device === null;
}

function show(address) {
  history.pushState(null, "", address);
  changeView();
}

function changeView() {
  const before = view;
  view = readView();
  if (before.code !== view.code || before.device !== view.device) logs = emptyLogs();
  if (before.hours !== view.hours) codes = emptyCodes();
  generation += 1;
  failures = 0;
  render();
  element("logs-title").focus();
  poll();
}

// ---- The key ----

function key() {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

function askForKey(complaint) {
  element("key-error").textContent = complaint;
  const dialog = element("key-dialog");
  if (!dialog.open) dialog.showModal();
  element("key").select();
}

function keepKey(event) {
  event.preventDefault();
  const value = element("key").value.trim();
  if (!isHeaderText(value)) return askForKey("A key has only letters, digits and signs of ASCII.");
  forgetKey();
  (element("keep").checked ? localStorage : sessionStorage).setItem(KEY, value);
  element("key").value = "";
  element("key-dialog").close();
  setState("loading", "Loading");
  failures = 0;
  poll();
}

function isHeaderText(text) {
  return text !== "" && [...text].every((sign) => sign > " " && sign <= "~");
}

function forgetKey() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

// ---- Asking ----

// Counts changes of the view: an answer to a question of an older view is thrown away.
let generation = 0;
let failures = 0;
let timer = null;
let isAsking = false;

async function ask(path, parameters, tag) {
  const query = new URLSearchParams(parameters).toString();
  const headers = { "x-api-key": key() };
  if (tag !== null) headers["if-none-match"] = tag;
  const signal = AbortSignal.timeout(30000);
  const response = await fetch(base + path + (query === "" ? "" : "?" + query), { headers, signal, cache: "no-store" });
  if (response.status === 304) return null;
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response, body);
  if (body === null || !Array.isArray(body.result)) throw new Refusal(response, null);
  return { body, tag: response.headers.get("etag") };
}

class Refusal extends Error {
  constructor(response, problem) {
    super((problem && problem.detail) || "The service answered " + response.status + ".");
    this.status = response.status;
    const seconds = Number(response.headers.get("retry-after"));
    this.retryAfter = seconds > 0 ? seconds : null;
  }
}

function filter() {
  const parameters = {};
  if (view.code !== null) parameters.error_code = view.code;
  if (view.device !== null) parameters.device_id = view.device;
  if (!isOverview()) parameters.limit = PAGE;
  return parameters;
}

// One request: the codes when they are due, else the logs.
async function poll() {
  clearTimeout(timer);
  if (key() === null) return askForKey("");
  // The request that is under way plans the next one.
  if (isAsking) return;
  isAsking = true;
  const asked = generation;
  let wait;
  try {
    const wantsCodes = isOverview() && logs.answeredAt !== null && Date.now() >= codes.due;
    await (wantsCodes ? pollCodes(asked) : pollLogs(asked));
    failures = 0;
    wait = isOverview() && codes.due === 0 ? 0 : document.hidden ? HIDDEN_POLL_SECONDS : POLL_SECONDS;
  } catch (error) {
    wait = asked === generation ? explain(error) : 0;
  } finally {
    isAsking = false;
  }
  if (asked !== generation) wait = 0;
  if (wait !== null) timer = setTimeout(poll, wait * 1000);
}

async function pollLogs(asked) {
  const answer = await ask("logs", filter(), logs.tag);
  if (asked !== generation) return;
  logs.answeredAt = Date.now();
  setState("live");
  if (answer === null) return;
  takeNewest(answer);
  renderLogs();
}

async function pollCodes(asked) {
  try {
    const answer = await ask("codes", { hours: view.hours }, codes.tag);
    // An answer to an older view is thrown away, so the codes stay due.
    if (asked !== generation) return;
    codes.due = Date.now() + CODES_SECONDS * 1000;
    if (answer === null) return;
    codes.tag = answer.tag;
    codes.rows = answer.body.result;
    element("codes-section").hidden = !isOverview();
    note("codes-note", codes.rows.length === 0 ? "No code in this time." : null);
    renderCodes();
  } catch (error) {
    // A stage may have no summary. The logs go on.
    if (asked === generation) codes.due = Date.now() + CODES_SECONDS * 1000;
    if (error.status !== 501 && error.status !== 404) throw error;
    element("codes-section").hidden = true;
  }
}

// Puts the newest page before the rows that are there already. Where the two do not meet, rows are missing between them:
// then the newest page replaces all.
function takeNewest({ body, tag }) {
  const known = new Set(logs.rows.map((row) => row.error_log_id));
  const added = body.result.filter((row) => !known.has(row.error_log_id));
  const meets = !isOverview() && added.length < body.result.length;
  if (meets) {
    logs.rows = added.concat(logs.rows);
  } else {
    logs.rows = body.result;
    logs.next = body.next ?? null;
  }
  const isFirst = logs.seen === null;
  logs.seen = new Set(isFirst ? [] : added.map((row) => row.error_log_id));
  logs.tag = tag;
  logs.asOf = body.as_of;
  if (!isFirst && added.length > 0) announce(added.length === 1 ? "1 new code" : added.length + " new codes");
}

async function more() {
  const asked = generation;
  element("more").disabled = true;
  try {
    const { body } = await ask("logs", { ...filter(), before: logs.next }, null);
    if (asked !== generation) return;
    const known = new Set(logs.rows.map((row) => row.error_log_id));
    const added = body.result.filter((row) => !known.has(row.error_log_id));
    logs.rows = logs.rows.concat(added);
    logs.next = body.next ?? null;
    announce(added.length + " more");
    renderLogs();
  } catch (error) {
    explain(error);
  } finally {
    element("more").disabled = false;
  }
}

// Says what failed. Returns the seconds until the next try, or null where only a person can go on.
function explain(error) {
  failures += 1;
  const backoff = Math.min(MAX_BACKOFF_SECONDS, POLL_SECONDS * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
  if (!(error instanceof Refusal)) {
    setState("offline", "Offline: the service cannot be reached.");
    return backoff;
  }
  const wait = Math.max(backoff, Math.min(error.retryAfter ?? 0, MAX_BACKOFF_SECONDS));
  switch (error.status) {
    case 403:
      forgetKey();
      setState("key", "The key was refused.");
      askForKey("This key was refused. Enter the key of the get API.");
      return null;
    case 400:
    case 404:
    case 501:
      setState("failing", error.message);
      return null;
    case 429:
      setState("waiting", "Too many requests: waiting " + Math.ceil(wait) + " s.");
      return wait;
    default:
      setState("failing", "The service fails (" + error.status + "): trying again.");
      return wait;
  }
}

// ---- Showing ----

let state = { name: "loading", text: "Loading" };

function setState(name, text = "") {
  const changed = state.name !== name;
  state = { name, text };
  if (changed && name !== "live") announce(text);
  renderState();
}

function renderState() {
  const now = Date.now();
  const parts = [];
  if (state.name === "live") {
    parts.push(logs.asOf ? "Live. Newest code received " + ago(logs.asOf) + "." : "Live. No code yet.");
  } else {
    parts.push(state.text);
  }
  if (logs.answeredAt !== null) {
    const seconds = Math.round((now - logs.answeredAt) / 1000);
    const isLate = state.name !== "live" || seconds > 2 * POLL_SECONDS;
    if (isLate) parts.push("Last answer " + duration(seconds) + " ago.");
  }
  element("status").dataset.state = state.name;
  setText(element("status-text"), parts.join(" "));
  const isStale = state.name === "offline" || state.name === "failing" || state.name === "waiting" || state.name === "key";
  document.body.classList.toggle("stale", isStale);
}

function render() {
  const parts = [];
  if (view.code !== null) parts.push("code " + view.code + (names[view.code] ? " (" + names[view.code] + ")" : ""));
  if (view.device !== null) parts.push("device " + visible(view.device));
  const title = isOverview() ? "Most recent" : "Logs of " + parts.join(" and ");
  setText(element("logs-title"), title);
  setText(element("logs-caption"), title);
  document.title = isOverview() ? "Error codes" : title + " - Error codes";
  document.body.classList.toggle("overview", isOverview());
  element("codes-section").hidden = !isOverview() || codes.rows.length === 0;
  current("day", view.hours === 24);
  current("week", view.hours === 168);
  element("day").href = addressOf({ hours: 24 });
  element("week").href = addressOf({ hours: 168 });
  element("home").href = addressOf({});
  renderLogs();
  renderCodes();
}

function current(id, isCurrent) {
  if (isCurrent) element(id).setAttribute("aria-current", "page");
  else element(id).removeAttribute("aria-current");
}

function renderLogs() {
  const isFresh = (row) => logs.seen !== null && logs.seen.has(row.error_log_id);
  element("logs").replaceChildren(...logs.rows.map((row) => logRow(row, isFresh(row))));
  element("logs-empty").hidden = logs.answeredAt === null || logs.rows.length > 0;
  element("more").hidden = isOverview() || logs.next === null;
  renderState();
}

function logRow(log, isFresh) {
  const row = make("tr", isFresh ? "fresh" : "");
  const received = make("td");
  received.append(timeOf(log.received_at));
  if (isFresh) received.append(make("span", "unseen", " new"));
  const code = make("th");
  code.scope = "row";
  code.append(codeLink(log.error_code));
  const device = make("td");
  const link = linkTo(addressOf({ device: log.device_id }));
  link.classList.add("device");
  link.append(make("bdi", "", visible(log.device_id)));
  device.append(link, clockOf(log));
  row.append(received, code, device);
  return row;
}

function clockOf({ timestamp, received_at: receivedAt }) {
  const clock = make("span", "small");
  if (timestamp < OLDEST_CLOCK) {
    clock.append(badge("clock", "no clock"));
    return clock;
  }
  const ahead = timestamp - receivedAt;
  clock.append(absolute(timestamp));
  if (Math.abs(ahead) > CLOCK_TOLERANCE_SECONDS) {
    const label = badge("clock", duration(Math.abs(ahead)) + (ahead > 0 ? " ahead" : " behind"));
    label.title = ahead > 0 ? "The device's clock is ahead." : "The device's clock is behind, or the code was sent late.";
    clock.append(" ", label);
  }
  return clock;
}

function renderCodes() {
  element("codes").replaceChildren(...codes.rows.map(codeRow));
}

function codeRow(code) {
  const row = make("tr");
  const head = make("th");
  head.scope = "row";
  head.append(codeLink(code.error_code));
  if (code.new) head.append(" ", badge("new", "NEW"));
  const trend = make("td");
  trend.append(sparkline(code.buckets));
  const seen = make("td");
  seen.append(timeOf(code.last_seen), make("span", "small", "first " + ago(code.first_seen)));
  row.append(head, make("td", "", count(code.count)), make("td", "", count(code.devices)), trend, seen);
  return row;
}

function codeLink(code) {
  const link = linkTo(addressOf({ code: String(code) }));
  link.textContent = code;
  const whole = make("span");
  whole.append(link);
  if (names[code]) whole.append(make("bdi", "small", names[code]));
  return whole;
}

function sparkline(buckets) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const highest = Math.max(1, ...buckets);
  picture.setAttribute("class", "spark");
  picture.setAttribute("viewBox", "0 0 " + Math.max(1, buckets.length) + " 20");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "Codes an hour, oldest first; at most " + count(highest) + ", last " + count(buckets.at(-1) ?? 0));
  buckets.forEach((bucket, hour) => {
    if (bucket === 0) return;
    const height = Math.max(1, (bucket / highest) * 20);
    const bar = document.createElementNS(space, "rect");
    for (const [name, value] of Object.entries({ x: hour, y: 20 - height, width: 0.8, height })) bar.setAttribute(name, value);
    picture.append(bar);
  });
  return picture;
}

function make(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

function badge(kind, text) {
  return make("span", "badge " + kind, text);
}

function linkTo(address) {
  const link = make("a");
  link.href = address;
  return link;
}

// Shows what would be invisible, or turn the text around.
function visible(text) {
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g, (sign) => {
    return "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0");
  });
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function announce(text) {
  element("announcement").textContent = text;
}

function note(id, text) {
  element(id).hidden = text === null;
  element(id).textContent = text ?? "";
}

// ---- Words for times and numbers ----

// Swedish writes dates as ISO 8601 does: 2026-11-27 11:58:50.
const clockFormat = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const numberFormat = new Intl.NumberFormat();

function count(number) {
  return numberFormat.format(number);
}

function absolute(seconds) {
  const time = new Date(seconds * 1000);
  const made = make("time", "", clockFormat.format(time));
  made.dateTime = time.toISOString();
  return made;
}

function timeOf(seconds) {
  const whole = make("span");
  const relative = make("span", "ago", ago(seconds));
  relative.dataset.at = seconds;
  const exact = absolute(seconds);
  exact.className = "small";
  whole.append(relative, exact);
  return whole;
}

function ago(seconds) {
  const age = Math.round(Date.now() / 1000 - seconds);
  return age < -5 ? "in " + duration(-age) : duration(Math.max(0, age)) + " ago";
}

function duration(seconds) {
  const units = [[86400 * 365, "y"], [86400, "d"], [3600, "h"], [60, "min"]];
  const [size, unit] = units.find(([unitSize]) => seconds >= unitSize) ?? [1, "s"];
  return Math.floor(seconds / size) + " " + unit;
}

function tick() {
  renderState();
  for (const time of document.querySelectorAll(".ago")) setText(time, ago(Number(time.dataset.at)));
}

// ---- CSV ----

function csv() {
  const rows = [["received_at", "error_code", "name", "device_id", "timestamp", "error_log_id"]];
  for (const log of logs.rows) {
    const received = new Date(log.received_at * 1000).toISOString();
    rows.push([received, log.error_code, text(names[log.error_code] ?? ""), text(log.device_id), log.timestamp, log.error_log_id]);
  }
  if (isOverview() && codes.rows.length > 0) {
    rows.push([], ["error_code", "name", "count", "devices", "first_seen", "last_seen", "new"]);
    for (const code of codes.rows) {
      rows.push([code.error_code, text(names[code.error_code] ?? ""), code.count, code.devices, code.first_seen, code.last_seen, code.new]);
    }
  }
  return rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

// A spreadsheet takes a text that begins like this for a formula.
function text(value) {
  return ["=", "+", "-", "@", "\t", "\r"].includes(value.charAt(0)) ? "'" + value : value;
}

function quoted(value) {
  return "\"" + String(value).replaceAll("\"", "\"\"") + "\"";
}

function download() {
  const address = URL.createObjectURL(new Blob(["\uFEFF" + csv()], { type: "text/csv" }));
  const link = linkTo(address);
  link.download = "error-codes.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// ---- Start ----

element("key-form").addEventListener("submit", keepKey);
element("csv").addEventListener("click", download);
element("more").addEventListener("click", more);
element("forget").addEventListener("click", () => {
  forgetKey();
  logs = emptyLogs();
  codes = emptyCodes();
  generation += 1;
  render();
  setState("loading", "Waiting for the key.");
  askForKey("");
});
element("skip").addEventListener("click", (event) => {
  event.preventDefault();
  element("main").focus();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (event.defaultPrevented || link === null || !isPlain || link.download !== "") return;
  event.preventDefault();
  show(link.href);
});
element("key-dialog").addEventListener("cancel", (event) => {
  if (key() === null) event.preventDefault();
});
addEventListener("popstate", changeView);
addEventListener("online", poll);
addEventListener("offline", () => setState("offline", "Offline: this computer has no network."));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.name !== "key") poll();
});
setInterval(tick, 1000);
render();
poll();
