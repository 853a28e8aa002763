/* Sends the records of standard input, a JSON object a line, and ends when all of them are acknowledged.
 *
 *     ERROR_CODES_URL=… ERROR_CODES_API_KEY=… ERROR_CODES_STATE=FOLDER send_lines <records.ndjson
 *
 * What is not delivered stays in the folder; started again, also without input, it goes on. `./dev device-test` judges the
 * client by this program. The records are those of one device, as that command makes them. */
#define _POSIX_C_SOURCE 200809L
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "../error_codes.h"

/* ---- Storage: two files in a folder ---- */

static int open_file(void *folder, int file, int flags) {
  char path[4096];
  snprintf(path, sizeof path, "%s/queue.%d", (const char *)folder, file);
  return open(path, flags | O_CREAT, 0600);
}

/* Whether the data is on storage. */
static int closed(int descriptor, int is_done) {
  is_done = is_done && fsync(descriptor) == 0;
  return close(descriptor) == 0 && is_done ? 0 : -1;
}

static int append_to_file(void *folder, int file, const void *data, size_t size) {
  int descriptor = open_file(folder, file, O_WRONLY | O_APPEND);
  return descriptor < 0 ? -1 : closed(descriptor, write(descriptor, data, size) == (ssize_t)size);
}

static int read_file(void *folder, int file, uint32_t offset, void *data, size_t size) {
  int descriptor = open_file(folder, file, O_RDONLY);
  if (descriptor < 0) return -1;
  ssize_t count = pread(descriptor, data, size, (off_t)offset);
  close(descriptor);
  return (int)count;
}

static int truncate_file(void *folder, int file, uint32_t size) {
  int descriptor = open_file(folder, file, O_WRONLY);
  if (descriptor < 0) return -1;
  off_t end = lseek(descriptor, 0, SEEK_END);
  return closed(descriptor, end >= 0 && (end <= (off_t)size || ftruncate(descriptor, (off_t)size) == 0));
}

/* ---- Clocks, chance, and what was rejected ---- */

static int64_t unix_time(void *context) {
  (void)context;
  return (int64_t)time(NULL);
}

static uint32_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void random_bytes(void *context, void *data, size_t size) {
  (void)context;
  int descriptor = open("/dev/urandom", O_RDONLY);
  if (descriptor < 0 || read(descriptor, data, size) != (ssize_t)size) abort();
  close(descriptor);
}

static void rejected(void *context, uint32_t records, const char *body, size_t size) {
  (void)context;
  fprintf(stderr, "%u records are rejected for good: %.*s\n", (unsigned)records, (int)size, body);
}

/* ---- The transport: libcurl ---- */

typedef struct {
  char body[65536], retry_after[32];
  size_t size;
} received;

static size_t take_body(char *data, size_t one, size_t size, void *context) {
  received *response = context;
  if (size > sizeof response->body - response->size) return 0;
  memcpy(response->body + response->size, data, size);
  response->size += size;
  return one * size;
}

static size_t take_header(char *data, size_t one, size_t size, void *context) {
  received *response = context;
  char line[128] = {0};
  snprintf(line, sizeof line, "%.*s", (int)size, data);
  const char *value = line + 12 + strspn(line + 12, " ");
  if (strncasecmp(line, "retry-after:", 12) == 0) snprintf(response->retry_after, sizeof response->retry_after, "%s", value);
  return one * size;
}

static void post(CURL *curl, ec_queue *queue, const ec_request *request) {
  static received response;
  char key[64], api_key[256];
  long status = 0;
  response.size = 0;
  response.retry_after[0] = 0;
  snprintf(key, sizeof key, "Idempotency-Key: %s", request->key);
  snprintf(api_key, sizeof api_key, "x-api-key: %s", getenv("ERROR_CODES_API_KEY"));
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  headers = curl_slist_append(curl_slist_append(headers, key), api_key);
  curl_easy_setopt(curl, CURLOPT_URL, getenv("ERROR_CODES_URL"));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->size);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 40L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
  if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_slist_free_all(headers);
  ec_response answer = {(int)status, response.retry_after, response.body, response.size, 0};
  ec_answered(queue, milliseconds(), request->number, &answer);
}

/* ---- The program ---- */

/* The device's ID: that of the first record, or the one that was kept at an earlier start. */
static void find_device(const char *folder, const char *line, char *device_id) {
  char path[4096];
  snprintf(path, sizeof path, "%s/device-id", folder);
  const char *field = line ? strstr(line, "\"deviceID\":\"") : NULL;
  FILE *file = fopen(path, field ? "w" : "r");
  if (file && field && sscanf(field, "\"deviceID\":\"%255[^\"]", device_id) == 1) {
    fputs(device_id, file);
    fflush(file);
    fsync(fileno(file));
  }
  if (file && !field && fscanf(file, "%255[^\n]", device_id) != 1) device_id[0] = 0;
  if (file) fclose(file);
}

int main(void) {
  static char buffer[8192], device_id[256], line[1024];
  static ec_queue queue;
  char *folder = getenv("ERROR_CODES_STATE");
  if (!folder || !getenv("ERROR_CODES_URL") || !getenv("ERROR_CODES_API_KEY")) {
    fputs("set ERROR_CODES_URL, ERROR_CODES_API_KEY and ERROR_CODES_STATE\n", stderr);
    return 2;
  }
  int has_line = fgets(line, sizeof line, stdin) != NULL;
  find_device(folder, has_line ? line : NULL, device_id);
  ec_config config = {device_id, 1000, EC_DROP_OLDEST, 2000000000, buffer, sizeof buffer,
                      {append_to_file, read_file, truncate_file, 0}, unix_time, random_bytes, rejected, folder};
  if (ec_open(&queue, &config, milliseconds()) != EC_OK) {
    fputs("the queue cannot be opened\n", stderr);
    return 1;
  }
  /* The names of the files, too, survive a power cut. */
  int directory = open(folder, O_RDONLY);
  if (directory >= 0) fsync(directory), close(directory);
  for (; has_line; has_line = fgets(line, sizeof line, stdin) != NULL) {
    const char *field = strstr(line, "\"err\":");
    int err;
    long long timestamp;
    if (!field || sscanf(field, "\"err\":%d,\"timestamp\":%lld", &err, &timestamp) != 2) continue;
    if (ec_add(&queue, milliseconds(), err, timestamp) != EC_OK) {
      fputs("the storage is full\n", stderr);
      return 1;
    }
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *curl = curl_easy_init();
  ec_request request;
  for (ec_action action; (action = ec_poll(&queue, milliseconds(), &request)) != EC_IDLE;) {
    uint32_t wait = ec_wait(&queue, milliseconds());
    struct timespec pause = {wait / 1000, wait % 1000 * 1000000L};
    if (action == EC_SEND) post(curl, &queue, &request);
    else nanosleep(&pause, NULL);
    if (queue.problem == EC_REFUSED) fprintf(stderr, "refused with %d, all codes are kept\n", queue.status);
    if (queue.problem == EC_STORAGE) fputs("the storage failed\n", stderr);
  }
  curl_easy_cleanup(curl);
  curl_global_cleanup();
  return 0;
}
