// Shows the state and the two tables.

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
  element("home").href = element("overview").href = addressOf({});
  element("back").hidden = isOverview();
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
  const fresh = codes.rows.filter((code) => code.new);
  const links = fresh.slice(0, MAX_NEWS).flatMap((code) => [" ", codeLink(code.error_code)]);
  if (fresh.length > MAX_NEWS) links.push(" and " + (fresh.length - MAX_NEWS) + " more");
  const none = codes.rows.length === 0 ? "No code in this time." : "No code is new.";
  element("news").replaceChildren(...(fresh.length === 0 ? [none] : [badge("new", "NEW"), ...links]));
}

function codeRow(code) {
  const row = make("tr");
  const head = make("th");
  head.scope = "row";
  const link = codeLink(code.error_code);
  if (code.new) link.firstChild.after(" ", badge("new", "NEW"));
  head.append(link);
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
