"use strict";

// The dashboard of the get API. Data flows one way: address of the page -> request -> answer -> tables.
// Everything that comes from a device is written with textContent, never as HTML.
// The files of this folder are put together to one script in the page (infra/page.js): each visitor costs one request.
// Neither the number sign nor the dollar sign stands in them: API Gateway's templates give them a meaning.

const POLL_SECONDS = 5;
const HIDDEN_POLL_SECONDS = 60;
const CODES_SECONDS = 60;
const MAX_BACKOFF_SECONDS = 300;
const CLOCK_TOLERANCE_SECONDS = 300;
// 2010-01-01: a clock before it was never set (docs/devices.md).
const OLDEST_CLOCK = 1262304000;
const PAGE = 50;
// New codes above the table.
const MAX_NEWS = 5;
const KEY = "get-api-key";

const element = (id) => document.getElementById(id);
const names = JSON.parse(element("names").textContent);
// Without the slash, a stage's address (…/prod) would lose its last part in relative addresses.
const base = location.pathname.endsWith("/") ? location.pathname : location.pathname + "/";

// What is shown. The address says it, so that a link shows the same to somebody else.

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
