// What is shown as a file.

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
