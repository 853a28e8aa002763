/* Tests of error_codes.c on a storage in memory that loses its power, fills up and fails, and a server that stores each key
 * once. tests/run builds it with sanitizers and counts the executed lines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../error_codes.h"

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: %s: not true: %s (cut %ld)\n", __FILE__, __LINE__, test_name, #condition, cut_at); \
      exit(1); \
    } \
  } while (0)

static const char *test_name = "";
static long cut_at = -1;

/* ---- The storage: two files. It can lose its power after a number of written bytes, or fail at one call. ---- */

enum { FILE_SIZE = 1 << 17 };
static uint8_t files[2][FILE_SIZE];
static size_t sizes[2];
static long budget;     /* Bytes until the power is cut; -1: never. A truncate counts as one. */
static int is_off;      /* The power is cut. */
static long fail_at;    /* The call that fails; -1: none. */
static long calls;
static size_t capacity; /* Bytes in both files together. */
static long failing;    /* How many calls fail from there on. */
static size_t halves;   /* Of its data, a failing append writes that many halves. */

static int fails(void) {
  long call = calls++;
  return is_off || (fail_at >= 0 && call >= fail_at && call < fail_at + failing);
}

static int storage_append(void *context, int file, const void *data, size_t size) {
  (void)context;
  size_t written = size;
  int failed = fails();
  if (is_off) return -1;
  if (failed) written = size * halves / 2;
  if (sizes[0] + sizes[1] + written > capacity) {
    written = capacity - sizes[0] - sizes[1];
    failed = 1;
  }
  if (budget >= 0 && (long)written > budget) {
    written = (size_t)budget;
    is_off = 1;
  }
  CHECK(sizes[file] + written <= FILE_SIZE);
  memcpy(files[file] + sizes[file], data, written);
  sizes[file] += written;
  if (budget >= 0) budget -= (long)written;
  return failed || is_off ? -1 : 0;
}

static int storage_read(void *context, int file, uint32_t offset, void *data, size_t size) {
  (void)context;
  if (fails()) return -1;
  if (offset >= sizes[file]) return 0;
  if (size > sizes[file] - offset) size = sizes[file] - offset;
  memcpy(data, files[file] + offset, size);
  return (int)size;
}

static int storage_truncate(void *context, int file, uint32_t size) {
  (void)context;
  if (fails()) return -1;
  if (budget == 0) is_off = 1;
  if (is_off) return -1;
  if (budget > 0) budget--;
  if (sizes[file] > size) sizes[file] = size;
  return 0;
}

/* ---- The device ---- */

static int64_t clock_now;
static uint32_t random_state;
static uint32_t now = UINT32_MAX - 5000; /* The counter wraps around soon. */
static uint32_t rejected_records;
static char buffer[900];
static ec_queue queue;
static ec_config config;

static int64_t device_clock(void *context) {
  (void)context;
  return clock_now;
}

static void device_random(void *context, void *data, size_t size) {
  (void)context;
  for (size_t i = 0; i < size; i++) {
    random_state = random_state * 1664525u + 1013904223u;
    ((uint8_t *)data)[i] = (uint8_t)(random_state >> 24);
  }
}

static void device_rejected(void *context, uint32_t records, const char *body, size_t size) {
  (void)context;
  CHECK(memchr(body, '{', size) != NULL);
  rejected_records += records;
}

/* ---- The server: stores each key once, and knows what it stored. ---- */

enum { MAX_CODES = 4000 };
static char keys[MAX_CODES][33];
static char bodies[MAX_CODES][sizeof buffer + 1];
static int key_count;
static int stored[MAX_CODES];          /* How often each error code below MAX_CODES is stored. */
static int64_t stored_time[MAX_CODES];
static long stored_dropped;

static int records_in(const char *body) {
  int count = 0;
  while ((body = strstr(body, "\"err\":"))) body++, count++;
  return count;
}

/* Stores a batch; returns the number of records, -1 if its key has another body. */
static int serve(const ec_request *request) {
  char body[sizeof buffer + 1];
  CHECK(request->size < sizeof body && strlen(request->key) == 32);
  memcpy(body, request->body, request->size);
  body[request->size] = 0;
  CHECK(body[0] == '[' && body[request->size - 1] == ']');
  for (int i = 0; i < key_count; i++) {
    if (strcmp(keys[i], request->key) == 0) return strcmp(bodies[i], body) == 0 ? records_in(body) : -1;
  }
  CHECK(key_count < MAX_CODES);
  strcpy(keys[key_count], request->key);
  strcpy(bodies[key_count++], body);
  for (const char *record = body; (record = strstr(record, "\"err\":")); record++) {
    long err = 0;
    long long time = 0;
    CHECK(sscanf(record, "\"err\":%ld,\"timestamp\":%lld", &err, &time) == 2);
    if (err >= 2000000000) {
      stored_dropped += err - 2000000000;
    } else if (err >= 0 && err < MAX_CODES) {
      stored[err]++;
      stored_time[err] = time;
    }
  }
  return records_in(body);
}

static void answer(uint32_t number, int status, const char *retry_after, const char *body) {
  ec_response response = {status, retry_after, body, strlen(body), 0};
  ec_answered(&queue, now, number, &response);
}

static void acknowledge(uint32_t number, int records) {
  char body[120];
  snprintf(body, sizeof body, " {\"accepted\":%d,\"rejected\":0,\"duplicate\":false,\"errors\":[],\"request_id\":\"}\\\"\"}", records);
  answer(number, 200, NULL, body);
}

static void begin_service(void) {
  memset(stored, 0, sizeof stored);
  key_count = 0;
  stored_dropped = 0;
}

static void begin(const char *name) {
  test_name = name;
  memset(sizes, 0, sizeof sizes);
  begin_service();
  rejected_records = 0;
  budget = fail_at = -1;
  is_off = 0;
  halves = 0;
  failing = 1;
  calls = 0;
  capacity = 2 * FILE_SIZE;
  clock_now = 1800000000;
  random_state = 7;
  ec_config fresh = {"pump-17", 100, EC_DROP_OLDEST, 2000000000, buffer, sizeof buffer,
                     {storage_append, storage_read, storage_truncate, 0}, device_clock, device_random, device_rejected, NULL};
  config = fresh;
}

static void open_queue(void) { CHECK(ec_open(&queue, &config, now) == EC_OK); }

/* The next request. Waits for it. */
static ec_request next_request(void) {
  ec_request request = {0, NULL, NULL, 0};
  ec_action action;
  while ((action = ec_poll(&queue, now, &request)) == EC_WAIT) {
    CHECK(ec_wait(&queue, now) > 0);
    now += ec_wait(&queue, now);
  }
  CHECK(action == EC_SEND);
  return request;
}

static void deliver_all(void) {
  ec_request request;
  for (;;) {
    ec_action action = ec_poll(&queue, now, &request);
    if (action == EC_IDLE) break;
    if (action == EC_WAIT) {
      now += ec_wait(&queue, now);
      continue;
    }
    int records = serve(&request);
    CHECK(records > 0);
    acknowledge(request.number, records);
  }
  CHECK(queue.count == 0 && ec_wait(&queue, now) == 0);
}

static void restart(void) {
  memset(&queue, 0xAA, sizeof queue);
  memset(buffer, 0x55, sizeof buffer);
  is_off = 0;
  budget = fail_at = -1;
  now = 12345;
  open_queue();
}

/* ---- Tests ---- */

static void a_code_is_delivered_once(void) {
  begin(__func__);
  open_queue();
  CHECK(ec_poll(&queue, now, &(ec_request){0, NULL, NULL, 0}) == EC_IDLE);
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  CHECK(ec_add(&queue, now, 2, 0) == EC_OK);
  CHECK(ec_add(&queue, now, INT32_MIN, 1514864773) == EC_OK);
  CHECK(ec_add(&queue, now, 3, -2) == EC_OK && ec_add(&queue, now, 4, 253402300800) == EC_OK);
  ec_request request = next_request();
  const char *expected =
      "[{\"deviceID\":\"pump-17\",\"err\":1,\"timestamp\":1800000000},{\"deviceID\":\"pump-17\",\"err\":2,\"timestamp\":0},"
      "{\"deviceID\":\"pump-17\",\"err\":-2147483648,\"timestamp\":1514864773},"
      "{\"deviceID\":\"pump-17\",\"err\":3,\"timestamp\":0},{\"deviceID\":\"pump-17\",\"err\":4,\"timestamp\":0}]";
  CHECK(request.size == strlen(expected) && memcmp(request.body, expected, request.size) == 0);
  deliver_all();
  restart();
  CHECK(ec_poll(&queue, now, &request) == EC_IDLE);
  CHECK(key_count == 1 && stored[1] == 1 && stored[2] == 1);
}

static void wrong_settings_are_refused(void) {
  static char long_id[1024];
  begin(__func__);
  const char *wrong[] = {"", "a\"b", "a\\b", "a\nb", "\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                         "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xE2\x82z"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    config.device_id = wrong[i];
    CHECK(ec_open(&queue, &config, now) == EC_INVALID);
  }
  const char *right[] = {"a", "\xC3\xA4", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    config.device_id = right[i];
    CHECK(ec_open(&queue, &config, now) == EC_OK);
  }
  memset(long_id, 'a', 256);
  config.device_id = long_id;
  CHECK(ec_open(&queue, &config, now) == EC_INVALID);
  long_id[255] = 0;
  CHECK(ec_open(&queue, &config, now) == EC_OK);
  config.buffer_size = 2 * (255 + 64) - 1;
  CHECK(ec_open(&queue, &config, now) == EC_INVALID);
  begin(__func__);
  config.max_codes = 0;
  CHECK(ec_open(&queue, &config, now) == EC_INVALID);
  begin(__func__);
  config.dropped_base = INT32_MAX;
  CHECK(ec_open(&queue, &config, now) == EC_INVALID);
  begin(__func__);
  config.storage.capacity = 1023;
  CHECK(ec_open(&queue, &config, now) == EC_INVALID);
}

static void the_same_bytes_go_out_until_a_response_is_the_services(void) {
  begin(__func__);
  open_queue();
  for (int i = 0; i < 5; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  ec_request request = next_request();
  char key[33], body[sizeof buffer];
  strcpy(key, request.key);
  memcpy(body, request.body, request.size);
  size_t size = request.size;
  struct {
    int status;
    const char *retry_after, *body;
    uint32_t least;
  } cases[] = {
      {0, NULL, "", 0},
      {200, NULL, "<html>log in</html>", 0},
      {200, NULL, "{\"accepted\":5,\"rejected\":0", 0},
      {200, NULL, "{\"accepted\":5,\"rejected\":0,\"x\":\"", 0},
      {200, NULL, "{\"accepted\":5}", 0},
      {200, NULL, "{\"accepted\":4,\"rejected\":0}", 0},
      {200, NULL, "{\"accepted\":-5,\"rejected\":10}", 0},
      {200, NULL, "{\"accepted\":1111111115,\"rejected\":0}", 0},
      {200, NULL, "{\"a\":{\"accepted\":5,\"rejected\":0}}", 0},
      {200, NULL, "{\"x\":\"accepted\",\"accepted\"", 0},
      {200, NULL, "[5,0]", 0},
      {200, NULL, "  ", 0},
      {302, NULL, "{\"accepted\":5,\"rejected\":0}", 0},
      {400, NULL, "<html>", 3600000},
      {400, NULL, "{\"status\":400,\"request_id\":\"r\"}", 3600000},
      {413, NULL, "too large", 3600000},
      {422, NULL, "{\"status\":422}", 3600000},
      {403, NULL, "{\"status\":403,\"request_id\":\"r\"}", 3600000},
      {404, NULL, "", 3600000},
      {408, NULL, "", 0},
      {409, "1", "{\"status\":409,\"request_id\":\"r\"}", 1000},
      {429, "7", "", 7000},
      {429, "9", "{\"status\":429,\"request_id\":\"r\",\"errors\":[{\"index\":0,\"code\":\"throttled\"}]}", 9000},
      {200, NULL, "{\"accepted\":5.5,\"rejected\":0}", 0},
      {200, NULL, "{\"accepted\":5,\"rejected\":0e1}", 0},
      {503, "99999999999", "", 86400000},
      {503, "0000000120", "", 120000},
      {503, " 30 ", "", 30000},
      {503, "1.5", "", 0},
      {503, "999999999", "", 86400000},
      {503, "Fri, 31 Dec 1999 23:59:59 GMT", "", 0},
      {500, "-3", "", 0},
      {502, "", "", 0},
      {504, NULL, "", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    request = next_request();
    CHECK(strcmp(request.key, key) == 0 && request.size == size && memcmp(request.body, body, size) == 0);
    answer(request.number, cases[i].status, cases[i].retry_after, cases[i].body);
    CHECK(queue.count == 5);
    uint32_t wait = ec_wait(&queue, now);
    CHECK(wait >= cases[i].least && wait <= cases[i].least + 60000);
    CHECK(queue.problem == (cases[i].status == 302 || cases[i].least == 3600000 ? EC_REFUSED : EC_OK));
    if (i % 2) restart();
    queue.problem = EC_OK;
  }
  request = next_request();
  answer(request.number, 200, NULL, "{ \"accepted\" : 5 ,\n\t\"rejected\":\r 0 }");
  CHECK(queue.count == 0);
  CHECK(queue.problem == EC_OK);
}

static void most_random(void *context, void *data, size_t size) {
  (void)context;
  memset(data, 0xFF, size);
}

static void a_backoff_doubles_up_to_a_minute(void) {
  begin(__func__);
  config.random = most_random;
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  for (int i = 0; i < 40; i++) {
    ec_request request = next_request();
    answer(request.number, 503, NULL, "");
    CHECK(ec_wait(&queue, now) == (i < 5 ? 2000u << i : 60000));
  }
}

static void rejected_records_are_reported_and_not_sent_again(void) {
  begin(__func__);
  open_queue();
  for (int i = 0; i < 3; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  ec_request request = next_request();
  answer(request.number, 202, NULL, "\r\n\t{\"accepted\":2,\"rejected\":1,\"errors\":[{\"index\":1}],\"request_id\":\"r\"}");
  CHECK(rejected_records == 1 && queue.problem == EC_REJECTED && queue.count == 0);
  CHECK(ec_add(&queue, now, 3, EC_NOW) == EC_OK);
  request = next_request();
  answer(request.number, 400, NULL, "{\"status\":400,\"errors\":[{\"index\":0}],\"request_id\":\"r\"}");
  CHECK(rejected_records == 2 && queue.count == 0);
  answer(request.number, 400, NULL, "{\"status\":400,\"errors\":[{\"index\":0}],\"request_id\":\"r\"}");
  CHECK(rejected_records == 2);
}

static void a_late_response_to_an_older_request_is_ignored(void) {
  begin(__func__);
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  ec_request first = next_request();
  acknowledge(first.number, 1);
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_OK);
  ec_request second = next_request();
  CHECK(second.number != first.number);
  acknowledge(first.number, 1);
  CHECK(queue.count == 1);
  acknowledge(second.number, 1);
  CHECK(queue.count == 0);
}

static void a_batch_that_is_too_large_is_halved_and_a_used_key_replaced(void) {
  begin(__func__);
  open_queue();
  for (int i = 0; i < 8; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  ec_request request = next_request();
  char key[33];
  strcpy(key, request.key);
  answer(request.number, 413, NULL, "{\"status\":413,\"request_id\":\"r\"}");
  request = next_request();
  CHECK(strcmp(key, request.key) != 0 && serve(&request) == 4);
  key_count = 0;
  memset(stored, 0, sizeof stored);
  strcpy(key, request.key);
  answer(request.number, 422, NULL, "{\"status\":422,\"request_id\":\"r\"}");
  request = next_request();
  CHECK(strcmp(key, request.key) != 0);
  deliver_all();
  for (int i = 0; i < 8; i++) CHECK(stored[i] == 1);
  /* A single code that is too large is kept: nothing smaller can be sent. */
  CHECK(ec_add(&queue, now, 9, EC_NOW) == EC_OK);
  request = next_request();
  answer(request.number, 413, NULL, "{\"status\":413,\"request_id\":\"r\"}");
  CHECK(queue.problem == EC_REFUSED && queue.status == 413 && queue.count == 1);
}

static void a_clock_that_is_set_while_offline_dates_earlier_codes(void) {
  begin(__func__);
  clock_now = 0;
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  now += 10000;
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_OK);
  now += 5000;
  clock_now = 1000; /* 1970: not set. */
  CHECK(ec_add(&queue, now, 3, EC_NOW) == EC_OK);
  clock_now = 1800000015;
  CHECK(ec_add(&queue, now, 4, EC_NOW) == EC_OK);
  deliver_all();
  CHECK(stored_time[1] == 1800000000 && stored_time[2] == 1800000010 && stored_time[3] == 1800000015);
  CHECK(stored_time[4] == 1800000015);
}

static void the_times_of_a_batch_stay_as_they_were_sent(void) {
  begin(__func__);
  clock_now = 0;
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  ec_request request = next_request();
  CHECK(serve(&request) == 1);
  answer(request.number, 0, NULL, "");
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_OK);
  clock_now = 1800000000;
  deliver_all();
  CHECK(stored[1] == 1 && stored_time[1] == 0 && stored_time[2] == 1800000000);
}

static void a_clock_that_is_lost_and_set_again_changes_no_time(void) {
  begin(__func__);
  clock_now = 0;
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  clock_now = 1800000000;
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_OK);
  clock_now = 0;
  now += 1000;
  CHECK(ec_add(&queue, now, 3, EC_NOW) == EC_OK);
  clock_now = 1800000007; /* Six seconds off. */
  CHECK(ec_add(&queue, now, 4, EC_NOW) == EC_OK);
  ec_request request = next_request();
  CHECK(serve(&request) == 4);
  answer(request.number, 0, NULL, "");
  request = next_request();
  restart();
  deliver_all();
  CHECK(key_count == 1 && stored_time[1] == 1800000000 && stored_time[3] == 1800000007);
}

static void codes_without_a_time_are_read_a_few_times_each(void) {
  static char large[999 * (64 + 7) + 71];
  begin(__func__);
  clock_now = 0;
  config.max_codes = 999;
  config.buffer = large;
  config.buffer_size = sizeof large;
  open_queue();
  for (int err = 0; err < 999; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  calls = 0;
  ec_request request = next_request();
  CHECK(request.size > 999 * 40 && calls < 20 * 999);
}

static void codes_of_an_earlier_start_without_a_clock_stay_without_time(void) {
  for (int is_copied = 0; is_copied < 2; is_copied++) {
    begin(__func__);
    clock_now = 0;
    open_queue();
    CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
    restart();
    now += 60000;
    CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_OK);
    /* The file is replaced while the time of the second code is still open. */
    if (is_copied) queue.compact_at = queue.size;
    CHECK(ec_add(&queue, now, 3, 0) == EC_OK);
    CHECK(queue.generation == 1 + (uint32_t)is_copied);
    clock_now = 1800000060;
    deliver_all();
    CHECK(stored[1] == 1 && stored_time[1] == 0 && stored_time[2] == 1800000060 && stored_time[3] == 0);
  }
}

static void a_full_queue_drops_the_oldest_and_reports_how_many(void) {
  begin(__func__);
  config.max_codes = 10;
  open_queue();
  for (int i = 0; i < 15; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  CHECK(queue.count == 10);
  restart();
  deliver_all();
  CHECK(stored_dropped == 5 && stored[4] == 0 && stored[5] == 1 && stored[14] == 1);
}

static void a_full_queue_drops_the_newest_if_told_so(void) {
  begin(__func__);
  config.max_codes = 10;
  config.drop = EC_DROP_NEWEST;
  open_queue();
  for (int i = 0; i < 15; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == (i < 10 ? EC_OK : EC_DROPPED));
  deliver_all();
  CHECK(stored_dropped == 5 && stored[0] == 1 && stored[9] == 1 && stored[10] == 0);
}

static void a_batch_under_way_is_not_dropped(void) {
  begin(__func__);
  config.max_codes = 12;
  config.buffer_size = 600;
  open_queue();
  for (int i = 0; i < 12; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  ec_request request = next_request();
  int sent = serve(&request);
  CHECK(sent > 5 && sent < 12); /* The buffer has room for that many. */
  answer(request.number, 0, NULL, "");
  for (int i = 12; i < 15; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  restart();
  for (int i = 15; i < 17; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  deliver_all();
  CHECK(stored_dropped == 5);
  for (int i = 0; i < 17; i++) CHECK(stored[i] == (i < sent || i >= sent + 5));
  /* Where all of them are in the batch, the newest is dropped. */
  config.max_codes = 2;
  open_queue();
  CHECK(ec_add(&queue, now, 20, EC_NOW) == EC_OK && ec_add(&queue, now, 21, EC_NOW) == EC_OK);
  request = next_request();
  CHECK(ec_add(&queue, now, 22, EC_NOW) == EC_DROPPED);
  deliver_all();
  CHECK(stored[20] == 1 && stored[21] == 1 && stored[22] == 0 && stored_dropped == 6);
}

static void a_batch_that_was_given_up_may_be_dropped(void) {
  begin(__func__);
  config.max_codes = 4;
  open_queue();
  for (int i = 0; i < 4; i++) CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
  ec_request request = next_request();
  answer(request.number, 422, NULL, "{\"status\":422,\"request_id\":\"r\"}");
  CHECK(ec_add(&queue, now, 4, EC_NOW) == EC_OK);
  restart();
  deliver_all();
  CHECK(stored_dropped == 1 && stored[0] == 0);
  for (int i = 1; i < 5; i++) CHECK(stored[i] == 1);
}

static void the_file_stays_small_where_the_device_starts_for_each_code(void) {
  begin(__func__);
  size_t largest = 0;
  for (int i = 0; i < 3000; i++) {
    restart();
    CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
    ec_request request = next_request();
    CHECK(serve(&request) == 1);
    acknowledge(request.number, 1);
    if (sizes[0] + sizes[1] > largest) largest = sizes[0] + sizes[1];
  }
  CHECK(largest < 8192);
}

static void the_file_stays_small_and_the_copy_is_the_same(void) {
  begin(__func__);
  config.max_codes = 30;
  open_queue();
  size_t largest = 0;
  for (int i = 0; i < 3000; i++) {
    CHECK(ec_add(&queue, now, i, EC_NOW) == EC_OK);
    if (i % 7 == 6) {
      ec_request request = next_request();
      int records = serve(&request);
      CHECK(records > 0);
      if (i % 2) answer(request.number, 0, NULL, "");
      else acknowledge(request.number, records);
    }
    if (i % 500 == 499) restart();
    if (sizes[0] + sizes[1] > largest) largest = sizes[0] + sizes[1];
  }
  deliver_all();
  CHECK(largest < 16384);
  long lost = 0;
  for (int i = 0; i < 3000; i++) {
    CHECK(stored[i] <= 1);
    lost += stored[i] == 0;
  }
  CHECK(lost == stored_dropped);
}

/* What a device goes through in the tests below: a clock that is set late, a lost response, drops, more than one batch and
 * copies of the file. Each add is noted. */
static int added[MAX_CODES], tried;

static void add_noted(int err) {
  tried = err + 1;
  added[err] = ec_add(&queue, now, err, EC_NOW) == EC_OK;
}

static void life(void) {
  ec_request request;
  memset(added, 0, sizeof added);
  tried = 0;
  if (ec_open(&queue, &config, now) != EC_OK) return;
  queue.compact_at = 300;
  clock_now = 0;
  for (int err = 0; err < 40 && !is_off; err++) {
    if (err == 10) clock_now = 1800000000;
    if (err == 25) queue.compact_at = queue.size;
    now += 1000;
    add_noted(err);
    if (err % 6 != 5) continue;
    now += ec_wait(&queue, now);
    if (ec_poll(&queue, now, &request) != EC_SEND) continue;
    int records = serve(&request);
    CHECK(records > 0);
    if (err % 4 == 1) answer(request.number, 0, NULL, "");
    else acknowledge(request.number, records);
  }
}

static void check_life(int is_every_loss_counted) {
  restart();
  deliver_all();
  long lost = 0;
  for (int err = 0; err < tried; err++) {
    CHECK(stored[err] <= 1);
    lost += stored[err] == 0;
    /* Without drops of older ones, each code that was acknowledged to the application is there. */
    if (config.max_codes == 100) CHECK(stored[err] == 1 || !added[err]);
  }
  if (is_every_loss_counted) CHECK(lost == stored_dropped);
  CHECK(lost <= stored_dropped + 1); /* The code whose write was cut. */
}

static void a_power_cut_at_any_byte_loses_and_doubles_nothing(void) {
  for (int max_codes = 4; max_codes <= 100; max_codes += 96) {
    long cuts = 0;
    for (cut_at = 0;; cut_at++) {
      begin(__func__);
      config.max_codes = (uint32_t)max_codes;
      budget = cut_at;
      life();
      if (!is_off) break;
      check_life(0);
      cuts++;
    }
    CHECK(cuts > 1000);
    check_life(1);
    printf("%s: %ld cuts with room for %d codes\n", __func__, cuts, max_codes);
  }
  cut_at = -1;
}

static void a_second_power_cut_during_the_recovery_does_no_harm(void) {
  for (cut_at = 0;; cut_at += 13) {
    begin(__func__);
    budget = cut_at;
    life();
    if (!is_off) break;
    for (long second = 0; second < 60; second += 3) {
      is_off = 0;
      budget = second;
      if (ec_open(&queue, &config, now) == EC_OK) {
        ec_request request;
        if (ec_poll(&queue, now, &request) == EC_SEND) CHECK(serve(&request) > 0);
      }
    }
    check_life(0);
  }
  cut_at = -1;
}

static void a_storage_that_fails_once_anywhere_loses_nothing_that_was_acknowledged(void) {
  for (size_t written = 0; written <= 2; written++) {
    for (cut_at = 0;; cut_at++) {
      begin(__func__);
      halves = written;
      fail_at = cut_at;
      life();
      if (calls <= fail_at) break;
      check_life(0);
    }
  }
  cut_at = -1;
}

/* A number below `limit`. */
static uint32_t dice_state;
static uint32_t dice(uint32_t limit) {
  dice_state = dice_state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)dice_state * limit) >> 32);
}

/* One step of a device whose clock comes and goes, whose storage fails now and then, and whose responses get lost. */
static void take_a_random_step(int64_t true_time) {
  ec_request request;
  clock_now = dice(10) ? clock_now ? true_time : 0 : clock_now ? 0 : true_time + (int64_t)dice(3);
  fail_at = dice(5) ? -1 : calls + (long)dice(40);
  halves = dice(3);
  uint32_t what = dice(12);
  if (what == 0) {
    restart();
  } else if (what == 1) {
    budget = (long)dice(500);
  } else if (what < 8) {
    tried++;
    (void)ec_add(&queue, now, tried - 1, dice(8) ? EC_NOW : 1000000000);
  } else if (ec_poll(&queue, now, &request) == EC_SEND) {
    int how = (int)dice(6), records = how == 0 ? 0 : serve(&request);
    CHECK(records >= 0);
    if (how < 3) answer(request.number, how * 251, NULL, ""); /* No connection, or a lost or broken response. */
    else acknowledge(request.number, records);
  }
}

static void a_random_life_loses_and_doubles_nothing(void) {
  for (cut_at = 0; cut_at < 400; cut_at++) {
    begin(__func__);
    dice_state = (uint32_t)cut_at;
    config.max_codes = 5 + dice(60);
    config.drop = dice(2) ? EC_DROP_OLDEST : EC_DROP_NEWEST;
    if (dice(2)) capacity = config.storage.capacity = 1024 + dice(4000);
    clock_now = 0;
    tried = 0;
    int64_t true_time = 1800000000;
    long unsure = 0; /* Codes whose add a power cut ended, and counts that were in RAM only. */
    open_queue();
    for (int step = 0; step < 400; step++) {
      uint32_t milliseconds = dice(5) ? dice(3000) : dice(70000), before = queue.uncounted;
      now += milliseconds;
      true_time += milliseconds / 1000;
      int tried_before = tried;
      take_a_random_step(true_time);
      if (is_off) unsure += tried - tried_before + (long)queue.uncounted;
      if (is_off) restart();
      else if (queue.uncounted < before) unsure += before - queue.uncounted;
    }
    restart();
    clock_now = true_time;
    deliver_all();
    long lost = 0;
    for (int err = 0; err < tried; err++) {
      CHECK(stored[err] <= 1);
      lost += stored[err] == 0;
    }
    CHECK(lost <= stored_dropped + unsure);
  }
  cut_at = -1;
}

static void a_code_whose_write_failed_does_not_come_back(void) {
  begin(__func__);
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  /* It is on storage all the same, and can be neither cut off nor, as the file is read again, told from the others. */
  halves = 2;
  failing = 2;
  fail_at = calls;
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_DROPPED);
  queue.compact_at = queue.size;
  fail_at = calls;
  CHECK(ec_poll(&queue, now, &(ec_request){0, NULL, NULL, 0}) == EC_WAIT);
  deliver_all();
  CHECK(stored[1] == 1 && stored[2] == 0 && stored_dropped == 1);
}

static void a_storage_that_stays_broken_makes_the_device_wait(void) {
  begin(__func__);
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  ec_request request;
  is_off = 1;
  CHECK(ec_poll(&queue, now, &request) == EC_WAIT && queue.problem == EC_STORAGE && ec_wait(&queue, now) > 0);
  CHECK(ec_add(&queue, now, 2, EC_NOW) == EC_DROPPED);
  CHECK(ec_open(&queue, &config, now) == EC_STORAGE);
  restart();
  deliver_all();
  CHECK(stored[1] == 1);
}

static void a_full_storage_counts_what_it_drops(void) {
  begin(__func__);
  open_queue();
  capacity = 24 * 7;
  for (int err = 0; err < 12; err++) add_noted(err);
  CHECK(queue.count < 12 && queue.count > 3);
  capacity = 2 * FILE_SIZE;
  deliver_all();
  long lost = 0;
  for (int err = 0; err < 12; err++) {
    CHECK(stored[err] == added[err]);
    lost += !added[err];
  }
  CHECK(lost == stored_dropped);
}

static void codes_that_fill_the_storage_are_delivered_all_the_same(void) {
  for (uint32_t room = 1024; room < 9000; room += 160) {
    for (int newest = 0; newest < 2; newest++) {
      begin(__func__);
      clock_now = 0;
      capacity = config.storage.capacity = room;
      config.drop = newest ? EC_DROP_NEWEST : EC_DROP_OLDEST;
      config.max_codes = 1000;
      open_queue();
      long lost = 0;
      for (int err = 0; err < 500; err++) {
        if (err == 300) clock_now = 1800000000;
        add_noted(err);
        if (err % 100 != 99) continue;
        ec_request request = next_request();
        int records = serve(&request);
        CHECK(records > 0);
        if (err == 99) answer(request.number, 0, NULL, "");
        else acknowledge(request.number, records);
        CHECK(queue.problem == EC_OK);
        if (err == 399) restart();
      }
      CHECK(queue.uncounted == 0);
      deliver_all();
      for (int err = 0; err < 500; err++) {
        CHECK(stored[err] <= 1 && (added[err] || !stored[err]));
        lost += stored[err] == 0;
      }
      CHECK(lost == stored_dropped && lost < 500);
    }
  }
}

static void a_storage_that_others_filled_is_not_copied_for_each_code(void) {
  begin(__func__);
  config.max_codes = 1000;
  capacity = 24 * 600;
  open_queue();
  for (int err = 0; err < 700; err++) (void)ec_add(&queue, now, err, EC_NOW);
  calls = 0;
  for (int err = 700; err < 800; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_DROPPED);
  CHECK(calls < 100 * 20);
  capacity = 2 * FILE_SIZE;
  deliver_all();
  long lost = 0;
  for (int err = 0; err < 800; err++) lost += stored[err] == 0;
  CHECK(lost == stored_dropped && lost < 400);
}

static void the_promised_room_is_enough(void) {
  for (uint32_t max_codes = 1; max_codes < 300; max_codes += 7) {
    begin(__func__);
    config.max_codes = max_codes;
    capacity = 72 * max_codes + 8192;
    open_queue();
    for (int err = 0; err < 2000; err++) {
      CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
      if (err % 50 != 49) continue;
      ec_request request = next_request();
      acknowledge(request.number, serve(&request));
    }
    deliver_all();
  }
}

static void a_damaged_count_of_dropped_codes_invents_none(void) {
  static uint8_t copy[2][FILE_SIZE];
  size_t lengths[2];
  begin(__func__);
  config.max_codes = 4;
  life();
  memcpy(copy, files, sizeof copy);
  memcpy(lengths, sizes, sizeof lengths);
  for (int file = 0; file < 2; file++) {
    for (size_t at = 0; at < lengths[file]; at++) {
      memcpy(files, copy, sizeof copy);
      memcpy(sizes, lengths, sizeof lengths);
      begin_service();
      files[file][at] ^= 0x10;
      restart();
      deliver_all();
      CHECK(stored_dropped < 40);
      for (int err = 0; err < tried; err++) CHECK(stored[err] <= 1);
    }
  }
}

static void damaged_entries_cost_only_themselves(void) {
  static uint8_t copy[FILE_SIZE];
  begin(__func__);
  open_queue();
  for (int err = 0; err < 6; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  (void)next_request();
  size_t end = sizes[0];
  memcpy(copy, files[0], end);
  for (size_t at = 0; at < end; at++) {
    memset(stored, 0, sizeof stored);
    key_count = 0;
    files[0][at] ^= 0x10;
    restart();
    deliver_all();
    int lost = 0;
    for (int err = 0; err < 6; err++) {
      CHECK(stored[err] <= 1);
      lost += stored[err] == 0;
    }
    CHECK(lost == (at >= 24 && at < 24 * 7) && sizes[1] == 0);
    memcpy(files[0], copy, end);
    sizes[0] = end;
  }
}

static void a_damaged_delivered_code_costs_no_other(void) {
  begin(__func__);
  open_queue();
  for (int err = 0; err < 3; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  ec_request request = next_request();
  acknowledge(request.number, serve(&request));
  for (int err = 3; err < 6; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  files[0][24 + 3] ^= 1; /* In the first code. */
  restart();
  CHECK(queue.count == 3);
  deliver_all();
  for (int err = 0; err < 6; err++) CHECK(stored[err] == 1);
}

static void a_damaged_mark_of_completeness_costs_no_code(void) {
  begin(__func__);
  open_queue();
  for (int err = 0; err < 6; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  files[0][3] ^= 1;
  restart();
  CHECK(queue.count == 6);
  restart();
  deliver_all();
  for (int err = 0; err < 6; err++) CHECK(stored[err] == 1);
}

static void a_long_response_may_be_cut_to_its_beginning(void) {
  begin(__func__);
  open_queue();
  for (int err = 0; err < 3; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  ec_request request = next_request();
  const char *body = "{\"accepted\":2,\"rejected\":1,\"duplicate\":false,\"errors\":[{\"index\":0,\"mess";
  ec_response response = {200, NULL, body, strlen(body), 1};
  ec_answered(&queue, now, request.number, &response);
  CHECK(queue.count == 0 && rejected_records == 1);
}

static void another_device_id_makes_another_key(void) {
  begin(__func__);
  open_queue();
  CHECK(ec_add(&queue, now, 1, EC_NOW) == EC_OK);
  ec_request request = next_request();
  CHECK(serve(&request) == 1);
  config.device_id = "pump-18";
  restart();
  deliver_all();
  CHECK(key_count == 2 && strstr(bodies[1], "pump-18"));
}

static void the_count_of_dropped_codes_stays_an_error_code(void) {
  begin(__func__);
  config.max_codes = 1;
  config.dropped_base = INT32_MAX - 2;
  open_queue();
  for (int err = 0; err < 6; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  ec_request request = next_request();
  CHECK(request.size > 0 && memmem(request.body, request.size, "\"err\":2147483647,", 17) != NULL);
  acknowledge(request.number, 2);
  CHECK(queue.dropped == 3);
}

static void a_hundred_codes_need_at_most_8_kib(void) {
  begin(__func__);
  static char large[100 * (64 + 7) + 71];
  config.buffer = large;
  config.buffer_size = sizeof large;
  open_queue();
  for (int err = 0; err < 100; err++) CHECK(ec_add(&queue, now, err, EC_NOW) == EC_OK);
  ec_request request = next_request();
  int records = 0;
  for (const char *at = request.body; at < request.body + request.size; at++) records += *at == '{';
  CHECK(records == 100);
  CHECK(sizeof queue + sizeof large <= 8192);
  printf("%s: queue %zu bytes, buffer %zu bytes\n", __func__, sizeof queue, sizeof large);
}

int main(void) {
  a_code_is_delivered_once();
  wrong_settings_are_refused();
  the_same_bytes_go_out_until_a_response_is_the_services();
  a_backoff_doubles_up_to_a_minute();
  rejected_records_are_reported_and_not_sent_again();
  a_late_response_to_an_older_request_is_ignored();
  a_batch_that_is_too_large_is_halved_and_a_used_key_replaced();
  a_clock_that_is_set_while_offline_dates_earlier_codes();
  the_times_of_a_batch_stay_as_they_were_sent();
  a_clock_that_is_lost_and_set_again_changes_no_time();
  codes_without_a_time_are_read_a_few_times_each();
  codes_of_an_earlier_start_without_a_clock_stay_without_time();
  a_full_queue_drops_the_oldest_and_reports_how_many();
  a_full_queue_drops_the_newest_if_told_so();
  a_batch_under_way_is_not_dropped();
  a_batch_that_was_given_up_may_be_dropped();
  the_file_stays_small_where_the_device_starts_for_each_code();
  the_file_stays_small_and_the_copy_is_the_same();
  a_power_cut_at_any_byte_loses_and_doubles_nothing();
  a_second_power_cut_during_the_recovery_does_no_harm();
  a_storage_that_fails_once_anywhere_loses_nothing_that_was_acknowledged();
  a_random_life_loses_and_doubles_nothing();
  a_code_whose_write_failed_does_not_come_back();
  a_storage_that_stays_broken_makes_the_device_wait();
  a_full_storage_counts_what_it_drops();
  codes_that_fill_the_storage_are_delivered_all_the_same();
  a_storage_that_others_filled_is_not_copied_for_each_code();
  the_promised_room_is_enough();
  a_damaged_count_of_dropped_codes_invents_none();
  damaged_entries_cost_only_themselves();
  a_damaged_delivered_code_costs_no_other();
  a_damaged_mark_of_completeness_costs_no_code();
  a_long_response_may_be_cut_to_its_beginning();
  another_device_id_makes_another_key();
  the_count_of_dropped_codes_stays_an_error_code();
  a_hundred_codes_need_at_most_8_kib();
  puts("all tests passed");
  return 0;
}
