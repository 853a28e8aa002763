// Makes elements, and words for times and numbers.

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
