// Asks the API: one request at a time, less often while nobody looks or the service fails.

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
