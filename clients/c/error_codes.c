#include "error_codes.h"
#include <string.h>

/* The queue is a journal of entries of 24 bytes: kind (1), payload (19), CRC-32 (4), numbers little-endian. ec_open replays
 * it. A power cut can tear only the last write, which ec_open cuts off.
 *   C err:4 time:8               a code; a time below 0 is -1 - seconds since ec_open: the clock was not set
 *   T start:4 shift:8            the clock is set: for codes from `start` to here time is seconds since ec_open + shift
 *   B key:16 count:2             with b, the batch: the first `count` codes. Both are written before the first try.
 *   b dropped:4 time:8 crc:4 end:3   crc is of the body, end the number of entries up to its last code
 *   A                            the batch is done
 *   X at:4 count:4               codes were dropped; one had been stored with `at` waiting codes before it, or at is NOWHERE
 *   K generation:4               the file is complete: what comes before is a copy of what the other file held
 * Codes behind the batch that were dropped leave a gap: `gap_at` codes that wait, `gap` dropped ones, the rest. */
enum { ENTRY = 24, PAYLOAD = 19, COPY = 8 };
#define NOWHERE UINT32_MAX
#define FIRST_BACKOFF 2000u
#define MAX_BACKOFF 60000u
#define MAX_BATCH 999u /* The count of dropped codes makes it 1000. */
#define RARELY 3600000u /* The wait while the API key or the address is wrong. */
#define MAX_RETRY_AFTER 86400u
#define RESERVE (16u * ENTRY)
#define SLACK 4096u          /* A file is replaced when it has doubled and grown by this many bytes. */
#define CLOCK_SET 1767225600 /* An earlier time means that the clock is not set: boards start in 1970, 1980 or 2000. */
#define MAX_TIMESTAMP 253402300799
#define RECORD_SIZE 64 /* What a record takes beside the device's ID, at most. */
static uint32_t crc32(const void *data, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (const uint8_t *byte = data; size > 0; size--) {
    crc ^= *byte++;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0);
  }
  return ~crc;
}

static void put(uint8_t *to, uint64_t value, int bytes) {
  for (; bytes-- > 0; value >>= 8) *to++ = (uint8_t)value;
}

static uint64_t get(const uint8_t *from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
  return value;
}

static void seal(uint8_t *entry, char kind) {
  entry[0] = (uint8_t)kind;
  put(entry + 1 + PAYLOAD, crc32(entry, 1 + PAYLOAD), 4);
}

static void make_entry(uint8_t *entry, char kind, uint32_t first, uint64_t second) {
  put(entry + 1, first, 4);
  put(entry + 5, second, 8);
  memset(entry + 13, 0, 7);
  seal(entry, kind);
}

static void make_batch(const ec_queue *q, uint8_t *entries) {
  memcpy(entries + 1, q->key, sizeof q->key);
  put(entries + 17, q->batch_count, 3);
  seal(entries, 'B');
  make_entry(entries + ENTRY, 'b', q->batch_dropped, (uint64_t)q->batch_time);
  put(entries + ENTRY + 13, q->body_crc, 4);
  put(entries + ENTRY + 17, q->batch_end / ENTRY, 3);
  seal(entries + ENTRY, 'b');
}

/* The kind of the entry at `offset`: 0 if it is damaged, -1 at the end, -2 if the storage failed. */
static int read_entry(const ec_queue *q, int file, uint32_t offset, uint8_t *entry) {
  int size = q->config.storage.read(q->config.context, file, offset, entry, ENTRY);
  if (size < ENTRY) return size < 0 ? -2 : -1;
  return get(entry + 1 + PAYLOAD, 4) == crc32(entry, 1 + PAYLOAD) ? entry[0] : 0;
}

/* Finds the next code at or after `*offset`, and moves `*offset` behind it. */
static int next_code(ec_queue *q, uint32_t *offset, uint8_t *entry) {
  for (int kind; *offset < q->size && !q->is_unread; *offset += ENTRY) {
    kind = read_entry(q, q->file, *offset, entry);
    q->is_unread |= kind == -2;
    if (kind == 'C') return (*offset += ENTRY) > 0;
  }
  return 0;
}

static uint32_t after_codes(ec_queue *q, uint32_t offset, uint32_t codes) {
  uint8_t entry[ENTRY];
  while (codes > 0 && next_code(q, &offset, entry)) codes--;
  return offset;
}

/* Removes the codes up to an offset, however many of them are not damaged, and the gap if it comes next. */
static void pop(ec_queue *q, uint32_t end) {
  uint8_t entry[ENTRY];
  for (; q->head < end; q->head += ENTRY) {
    int kind = read_entry(q, q->file, q->head, entry);
    q->is_unread |= kind == -2;
    q->count -= kind == 'C';
    q->gap_at -= kind == 'C' && q->gap > 0;
  }
  if (q->gap_at == 0) q->head = after_codes(q, q->head, q->gap);
  q->gap = q->gap_at ? q->gap : 0;
}

static void replay_drop(ec_queue *q, uint32_t at, uint32_t count) {
  q->dropped += count;
  if (at >= q->count) return;
  if (at < q->batch_count) q->has_batch = 0;
  if (at == 0) { pop(q, after_codes(q, q->head, 1)); return; }
  q->gap_at = q->gap ? q->gap_at : at;
  q->gap++;
  q->count--;
}

static void replay(ec_queue *q, int kind, const uint8_t *before, const uint8_t *entry) {
  if (kind == 'C') {
    q->count++;
  } else if (kind == 'b' && before[0] == 'B') {
    memcpy(q->key, before + 1, sizeof q->key);
    q->batch_count = (uint32_t)get(before + 17, 2);
    q->batch_dropped = (uint32_t)get(entry + 1, 4);
    q->batch_time = (int64_t)get(entry + 5, 8);
    q->body_crc = (uint32_t)get(entry + 13, 4);
    q->batch_end = ENTRY * (uint32_t)get(entry + 17, 3);
    q->has_batch = 1;
  } else if (kind == 'A' && q->has_batch) {
    pop(q, q->batch_end);
    q->dropped -= q->dropped < q->batch_dropped ? q->dropped : q->batch_dropped; /* An X may be damaged. */
    q->has_batch = 0;
  } else if (kind == 'X') {
    replay_drop(q, (uint32_t)get(entry + 1, 4), (uint32_t)get(entry + 5, 4));
  }
}

/* Appends entries, and does what they say. What a failed append left is cut off first. */
static ec_result append(ec_queue *q, const uint8_t *entries, int count) {
  const ec_storage *storage = &q->config.storage;
  size_t size = (size_t)count * ENTRY;
  if (q->is_torn && storage->truncate(q->config.context, q->file, q->size)) return EC_STORAGE;
  if ((q->is_torn = storage->append(q->config.context, q->file, entries, size) != 0)) return EC_STORAGE;
  q->size += (uint32_t)size;
  replay(q, entries[size - ENTRY], entries, entries + size - ENTRY);
  return EC_OK;
}

static ec_result append_entry(ec_queue *q, char kind, uint32_t first, uint64_t second) {
  uint8_t entry[ENTRY];
  make_entry(entry, kind, first, second);
  return append(q, entry, 1);
}

static uint32_t copy_size(const ec_queue *q) { return ENTRY * (q->count + 4); } /* The codes, B, b, X and K. */

/* Whether one more code would take the room that a copy, and the entries until then, need. */
static int is_short(const ec_queue *q) {
  return q->config.storage.capacity && q->size + copy_size(q) + RESERVE > q->config.storage.capacity;
}

/* Reads the whole file. What is torn at its end is cut off, and what a failed append left, which may look whole. */
static ec_result load(ec_queue *q) {
  uint8_t entry[ENTRY], before[ENTRY] = {0};
  uint32_t end = 0;
  int kind;
  if (q->is_torn && q->config.storage.truncate(q->config.context, q->file, q->size)) return EC_STORAGE;
  q->head = q->count = q->gap = q->dropped = q->clock_start = q->clock_end = q->size = 0;
  q->has_batch = q->is_torn = q->is_unread = 0;
  for (; (kind = read_entry(q, q->file, end, entry)) >= 0; end = q->size) {
    q->size = end + ENTRY;
    replay(q, kind, before, entry);
    memcpy(before, entry, ENTRY);
    before[0] = (uint8_t)kind;
  }
  while (q->size > 0 && read_entry(q, q->file, q->size - ENTRY, entry) == 0) q->size -= ENTRY;
  q->is_unread |= kind == -2 || q->config.storage.truncate(q->config.context, q->file, q->size);
  return q->is_unread ? EC_STORAGE : EC_OK;
}

static int64_t unix_time(const ec_queue *q) {
  int64_t now = q->config.clock(q->config.context);
  return now >= CLOCK_SET && now <= MAX_TIMESTAMP ? now : 0;
}

static void tick(ec_queue *q, uint32_t now) {
  q->milliseconds += (uint32_t)(now - q->last_now);
  q->uptime = (int64_t)(q->milliseconds / 1000);
  q->last_now = now;
}

/* The Unix time of the code whose entry ends at `end`; 0 if it is unknown. The next T behind it tells, if it reaches back. */
static int64_t time_of(ec_queue *q, uint32_t end, const uint8_t *code) {
  int64_t time = (int64_t)get(code + 5, 8);
  uint8_t entry[ENTRY];
  if (time >= 0) return time;
  if (!(q->clock_start < end && end <= q->clock_end)) {
    uint32_t at = end, start = UINT32_MAX;
    for (int kind = 0; at < q->size && start == UINT32_MAX; at += ENTRY) {
      q->is_unread |= (kind = read_entry(q, q->file, at, entry)) == -2;
      if (kind == 'T') start = (uint32_t)get(entry + 1, 4);
    }
    q->clock_start = start < end ? start : end - 1;
    q->clock_end = start < end ? at : start;
    q->clock_shift = start < end ? (int64_t)get(entry + 5, 8) : 0;
  }
  return q->clock_shift ? q->clock_shift - 1 - time : 0;
}

/* Copies what waits to the other file. Its last entry, K, makes it the file that counts. */
static ec_result compact(ec_queue *q) {
  uint8_t entries[COPY * ENTRY], *entry = entries; /* A write each would be slow. */
  const ec_storage *storage = &q->config.storage;
  uint32_t at = q->head;
  q->has_half_copy = 1;
  for (uint32_t i = 0; i < q->count; i++) {
    if (q->gap && i == q->gap_at) at = after_codes(q, at, q->gap);
    if (!next_code(q, &at, entry)) return EC_STORAGE;
    int64_t time = time_of(q, at, entry);
    int is_open = time == 0 && at > q->boot && !(q->has_batch && i < q->batch_count);
    if (!is_open) make_entry(entry, 'C', (uint32_t)get(entry + 1, 4), (uint64_t)time);
    entry += ENTRY;
    if (entry < entries + sizeof entries && i + 1 < q->count) continue;
    if (storage->append(q->config.context, 1 - q->file, entries, (size_t)(entry - entries))) return EC_STORAGE;
    entry = entries;
  }
  q->batch_end = q->batch_count * ENTRY; /* In the copy. The old one is read again if the copy fails. */
  make_batch(q, entries);
  entry = entries + (q->has_batch ? 2 * ENTRY : 0);
  make_entry(entry, 'X', NOWHERE, q->dropped);
  make_entry(entry + ENTRY, 'K', q->generation + 1, 0);
  size_t size = (size_t)(entry - entries) + 2 * ENTRY;
  if (q->is_unread || storage->append(q->config.context, 1 - q->file, entries, size)) return EC_STORAGE;
  q->generation++;
  q->file = 1 - q->file;
  q->boot = 0; /* Times of earlier starts are settled: what is still open is of this one. */
  q->compact_at = 2 * copy_size(q) + SLACK;
  return load(q);
}

/* Mends what failed before, writes down what could not be written, and what the clock says once it is set. */
static ec_result tidy(ec_queue *q) {
  if (q->is_unread && load(q) != EC_OK) return EC_STORAGE;
  /* A copy that may be complete must not count after a restart. */
  if (q->has_half_copy && q->config.storage.truncate(q->config.context, 1 - q->file, 0)) return EC_STORAGE;
  q->has_half_copy = 0;
  if (q->size >= q->compact_at || (is_short(q) && q->size > copy_size(q) + 4 * ENTRY)) {
    q->compact_at = q->size + SLACK; /* The next try, if this one fails. */
    if (compact(q) != EC_OK) q->is_unread = 1;
    if (q->is_unread || q->config.storage.truncate(q->config.context, 1 - q->file, 0)) return EC_STORAGE;
    q->has_half_copy = 0;
  }
  if (q->uncounted && append_entry(q, 'X', NOWHERE, q->uncounted) != EC_OK) return EC_STORAGE;
  q->uncounted = 0;
  int64_t now = q->has_unknown_times ? unix_time(q) : 0;
  if (now) {
    /* The times of a batch stay as they were sent. */
    uint32_t start = q->has_batch && q->batch_end > q->boot ? q->batch_end : q->boot;
    if (append_entry(q, 'T', start, (uint64_t)(now - q->uptime)) != EC_OK) return EC_STORAGE;
    q->has_unknown_times = 0;
    q->boot = q->size; /* What is before is settled, also if the clock is lost and set again. */
    q->clock_end = 0;
  }
  return EC_OK;
}

/* The number of characters; 0 if the text is not UTF-8, or has characters that JSON escapes. */
static size_t characters(const char *text) {
  size_t count = 0;
  for (const uint8_t *byte = (const uint8_t *)text; *byte; count++) {
    uint8_t first = *byte++;
    if (first < 0x20 || first == '"' || first == '\\' || (first > 0x7F && first < 0xC2) || first > 0xF4) return 0;
    if (first < 0x80) continue;
    /* What would be longer than needed, half of a surrogate pair, or beyond Unicode. */
    uint8_t least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    for (int more = 1 + (first >= 0xE0) + (first >= 0xF0); more > 0; more--, least = 0x80, most = 0xBF, byte++) {
      if (*byte < least || *byte > most) return 0;
    }
  }
  return count;
}

ec_result ec_open(ec_queue *q, const ec_config *config, uint32_t now) {
  uint8_t entry[ENTRY];
  uint32_t generations[2] = {0, 0}, sizes[2];
  size_t length = characters(config->device_id), record = strlen(config->device_id) + RECORD_SIZE;
  if (length < 1 || length > 255 || config->buffer_size < 2 * record) return EC_INVALID;
  if (config->max_codes == 0 || config->dropped_base == INT32_MAX) return EC_INVALID;
  if (config->storage.capacity > 0 && config->storage.capacity < 1024) return EC_INVALID;
  memset(q, 0, sizeof *q);
  q->config = *config;
  q->last_now = q->since = now;
  q->backoff = FIRST_BACKOFF;
  q->limit = MAX_BATCH;
  for (int file = 0, kind; file < 2; file++) {
    for (sizes[file] = 0; (kind = read_entry(q, file, sizes[file], entry)) >= 0; sizes[file] += ENTRY) {
      if (kind == 'K') generations[file] = (uint32_t)get(entry + 1, 4);
    }
    if (kind == -2) return EC_STORAGE;
  }
  /* Neither is complete: this is the first start, or a K is damaged. Then the longer file has more. */
  q->file = generations[0] == generations[1] ? sizes[1] > sizes[0] : generations[1] > generations[0];
  q->generation = generations[q->file];
  if (config->storage.truncate(config->context, 1 - q->file, 0) || load(q) != EC_OK) return EC_STORAGE;
  if (q->generation == 0 && append_entry(q, 'K', ++q->generation, 0) != EC_OK) return EC_STORAGE;
  q->compact_at = 2 * copy_size(q) + SLACK;
  q->boot = q->size;
  return EC_OK;
}

/* Whether there is room for a code, if need be where an older one was. */
static int makes_room(ec_queue *q) {
  uint32_t at = q->has_batch ? q->gap ? q->gap_at : q->batch_count : 0;
  if (q->count < q->config.max_codes && !is_short(q)) return 1;
  return q->config.drop == EC_DROP_OLDEST && at < q->count && append_entry(q, 'X', at, 1) == EC_OK;
}

ec_result ec_add(ec_queue *q, uint32_t now, int32_t err, int64_t timestamp) {
  tick(q, now);
  if (timestamp < EC_NOW || timestamp > MAX_TIMESTAMP) timestamp = 0; /* The code matters more than its time. */
  if (timestamp == EC_NOW && (timestamp = unix_time(q)) == 0) timestamp = -1 - q->uptime;
  int is_stored = tidy(q) == EC_OK && makes_room(q) && append_entry(q, 'C', (uint32_t)err, (uint64_t)timestamp) == EC_OK;
  q->has_unknown_times |= is_stored && timestamp < 0;
  if (is_stored) return EC_OK;
  q->uncounted++;
  (void)tidy(q); /* Full storage: counted in memory until there is room. */
  return EC_DROPPED;
}

static char *put_text(char *to, const char *text) {
  while (*text) *to++ = *text++;
  return to;
}

static char *put_number(char *to, int64_t number) {
  char digits[20];
  int count = 0;
  if (number < 0) *to++ = '-';
  for (number = number < 0 ? -number : number; count == 0 || number > 0; number /= 10)
    digits[count++] = (char)('0' + number % 10);
  while (count) *to++ = digits[--count];
  return to;
}

static char *put_record(const ec_queue *q, char *to, int64_t err, int64_t time) {
  to = put_text(to, to == q->config.buffer ? "[{\"deviceID\":\"" : ",{\"deviceID\":\"");
  to = put_number(put_text(put_text(to, q->config.device_id), "\",\"err\":"), err);
  return put_text(put_number(put_text(to, ",\"timestamp\":"), time), "}");
}

/* Writes up to `*count` codes, as many as fit, and the count of dropped ones. Returns the size; 0 if the storage failed.
 * The same entries make the same bytes, in each version of this file: a batch keeps its key over an update. */
static size_t render(ec_queue *q, uint32_t *count, uint32_t dropped, int64_t time) {
  char *to = q->config.buffer;
  const char *last = to + q->config.buffer_size - 2 * (strlen(q->config.device_id) + RECORD_SIZE);
  uint32_t at = q->head, written = 0;
  uint8_t entry[ENTRY];
  for (; written < *count && to <= last; written++) {
    if (!next_code(q, &at, entry)) break;
    to = put_record(q, to, (int32_t)get(entry + 1, 4), time_of(q, at, entry));
  }
  *count = written;
  if (dropped) to = put_record(q, to, (int64_t)q->config.dropped_base + dropped, time);
  *to++ = ']';
  return q->is_unread ? 0 : (size_t)(to - q->config.buffer);
}

/* Makes a batch and its key. It is on storage before anybody sends it. */
static ec_result freeze(ec_queue *q) {
  uint8_t entries[2 * ENTRY];
  uint32_t available = q->gap ? q->gap_at : q->count;
  int64_t most_dropped = INT32_MAX - (int64_t)q->config.dropped_base;
  q->batch_count = available < q->limit ? available : q->limit;
  q->batch_dropped = q->dropped < most_dropped ? q->dropped : (uint32_t)most_dropped;
  q->batch_time = unix_time(q);
  size_t size = render(q, &q->batch_count, q->batch_dropped, q->batch_time);
  q->batch_end = after_codes(q, q->head, q->batch_count);
  q->is_unread |= size == 1; /* Nothing but a bracket: the storage lost the codes. */
  if (q->is_unread) return EC_STORAGE;
  q->body_crc = crc32(q->config.buffer, size);
  q->config.random(q->config.context, q->key, sizeof q->key);
  make_batch(q, entries);
  q->number++;
  return append(q, entries, 2);
}

static void hold(ec_queue *q, uint32_t least, uint32_t jitter) {
  uint16_t chance; /* Without it, a fleet that lost its network together would come back together. */
  q->config.random(q->config.context, &chance, sizeof chance);
  q->since = q->last_now;
  q->wait = least + (uint32_t)((uint64_t)jitter * chance / UINT16_MAX);
}

static void again(ec_queue *q, uint32_t least) {
  hold(q, least, q->backoff);
  q->backoff = 2 * q->backoff < MAX_BACKOFF ? 2 * q->backoff : MAX_BACKOFF;
}

static ec_action storage_failed(ec_queue *q) {
  q->problem = EC_STORAGE;
  again(q, 1);
  return EC_WAIT;
}

ec_action ec_poll(ec_queue *q, uint32_t now, ec_request *request) {
  tick(q, now);
  ec_result tidied = tidy(q);
  if (now - q->since < q->wait) return EC_WAIT;
  if (tidied != EC_OK) return storage_failed(q);
  for (;; q->has_batch = 0) {
    if (!q->has_batch && q->count == 0 && q->dropped == 0) return EC_IDLE;
    if (!q->has_batch && freeze(q) != EC_OK) return storage_failed(q);
    uint32_t count = q->batch_count;
    request->size = render(q, &count, q->batch_dropped, q->batch_time);
    if (request->size == 0) return storage_failed(q);
    if (count == q->batch_count && crc32(q->config.buffer, request->size) == q->body_crc) break;
    /* The storage lost a code, or the device's ID or buffer is another one: the same bytes cannot be sent again. */
  }
  for (int i = 0; i < 32; i++) q->key_text[i] = "0123456789abcdef"[q->key[i / 2] >> (i % 2 ? 0 : 4) & 15];
  *request = (ec_request){q->number, q->key_text, q->config.buffer, request->size};
  return EC_SEND;
}

uint32_t ec_wait(const ec_queue *q, uint32_t now) { return now - q->since < q->wait ? q->wait - (now - q->since) : 0; }

static size_t skip_blanks(const char *text, size_t size, size_t at) {
  while (at < size && memchr(" \n\r\t", text[at], 4)) at++;
  return at;
}

/* Where the value of a field of the object begins; 0 if it has none, or the object is not whole. */
static size_t field(const ec_response *response, const char *name) {
  const char *text = response->body;
  size_t size = response->size, at = skip_blanks(text, size, 0), found = 0, length = strlen(name);
  int depth = 0;
  if (at == size || text[at] != '{') return 0;
  for (; at < size; at++) {
    char sign = text[at];
    depth += (sign == '{' || sign == '[') - (sign == '}' || sign == ']');
    if (depth == 0) return found;
    if (sign != '"') continue;
    size_t start = ++at;
    for (; at < size && text[at] != '"'; at++) at += text[at] == '\\';
    int is_name = depth == 1 && at < size && at - start == length && memcmp(text + start, name, length) == 0;
    size_t colon = is_name ? skip_blanks(text, size, at + 1) : size;
    if (colon < size && text[colon] == ':') found = skip_blanks(text, size, colon + 1);
  }
  return response->is_cut ? found : 0;
}

/* The whole number at `at`, or what is large enough in its place; -1 if there is none. */
static int64_t whole_number(const char *text, size_t size, size_t at) {
  int64_t number = at < size && text[at] >= '0' && text[at] <= '9' ? 0 : -1;
  for (; number >= 0 && at < size && text[at] >= '0' && text[at] <= '9'; at++)
    number = number < 1000000000 ? 10 * number + (text[at] - '0') : number;
  return at < size && memchr(",} \n\r\t", text[at], 7) ? number : -1; /* With the 0 at the end of a text. */
}

static int64_t number_field(const ec_response *response, const char *name) {
  size_t at = field(response, name);
  return at ? whole_number(response->body, response->size, at) : -1;
}

static void end_batch(ec_queue *q, uint32_t rejected, const ec_response *response) {
  /* If it cannot be written, the batch is sent again; its key keeps it from being stored twice. */
  if (append_entry(q, 'A', 0, 0) != EC_OK) { storage_failed(q); return; }
  q->problem = rejected ? EC_REJECTED : EC_OK;
  q->wait = 0;
  q->backoff = FIRST_BACKOFF;
  if (rejected && q->config.rejected) q->config.rejected(q->config.context, rejected, response->body, response->size);
}

void ec_answered(ec_queue *q, uint32_t now, uint32_t number, const ec_response *response) {
  tick(q, now);
  if (!q->has_batch || number != q->number) return;
  int status = response->status;
  int64_t records = (int64_t)q->batch_count + (q->batch_dropped > 0);
  int64_t accepted = number_field(response, "accepted"), rejected = number_field(response, "rejected");
  /* Only the service itself decides about a batch, not the pages of a proxy or a hotel's network. */
  int is_problem = number_field(response, "status") == status && field(response, "request_id");
  if ((status == 200 || status == 202) && accepted >= 0 && rejected >= 0 && accepted + rejected == records) {
    end_batch(q, (uint32_t)rejected, response);
  } else if (status == 400 && is_problem && field(response, "errors")) {
    end_batch(q, (uint32_t)records, response);
  } else if (is_problem && (status == 422 || (status == 413 && q->batch_count > 1))) {
    /* Nothing of it is stored: the batch is too large, or its key has another one. The next has another key. */
    if (status == 413) q->limit = q->batch_count / 2;
    q->has_batch = 0;
    again(q, 0);
  } else if (status >= 300 && status < 500 && status != 408 && status != 409 && status != 425 && status != 429) {
    q->problem = EC_REFUSED;
    q->status = status;
    hold(q, status < 400 ? 0 : RARELY, MAX_BACKOFF); /* A redirect is mostly a hotel's. */
  } else {
    const char *text = response->retry_after ? response->retry_after : "";
    int64_t seconds = whole_number(text, strlen(text) + 1, skip_blanks(text, strlen(text), 0));
    again(q, seconds < 0 ? 0 : 1000 * (seconds < MAX_RETRY_AFTER ? (uint32_t)seconds : MAX_RETRY_AFTER));
  }
}
