/* Reports error codes to the service: stores them, sends them, loses and doubles none.
 *
 * The rules are those of docs/devices.md; README.md shows the use. Nothing here allocates, sleeps, or starts a thread:
 * ec_poll says what to do next, and ec_answered takes the response. One thread at a time may use a queue.
 * Times called `now` are milliseconds of a counter that runs on, like FreeRTOS ticks; it may wrap around.
 */
#ifndef ERROR_CODES_H
#define ERROR_CODES_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Two files, 0 and 1, empty at first, that only grow at the end. Each function returns 0 once its work is on storage, else
 * -1. A power cut may leave any part of an append. An append that failed may have written any part, too. */
typedef struct {
  int (*append)(void *context, int file, const void *data, size_t size);
  /* Returns how many bytes there are at `offset`, up to `size`; -1 if they cannot be read. */
  int (*read)(void *context, int file, uint32_t offset, void *data, size_t size);
  /* Shortens a file to `size`. */
  int (*truncate)(void *context, int file, uint32_t size);
  /* Bytes that both files together may take, 1024 at least, or 0 for 72 * max_codes + 8192. A code that would take the
   * room for delivering the others is dropped, by the rule of `drop`. */
  uint32_t capacity;
} ec_storage;

typedef enum { EC_DROP_OLDEST, EC_DROP_NEWEST } ec_drop;
typedef struct {
  const char *device_id; /* 1 to 255 characters of UTF-8, no " or \. It must not change while codes wait. */
  uint32_t max_codes;    /* Room for codes. */
  ec_drop drop;          /* Which code is dropped when there is no room. */
  int32_t dropped_base;  /* A batch after a loss has one more record: this number plus how many codes were dropped. */
  char *buffer;          /* For the body of a request; yours again after ec_answered. */
  size_t buffer_size;    /* How many codes fit a request: 64 bytes and the device's ID for each; two at least. */
  ec_storage storage;
  int64_t (*clock)(void *context); /* Unix time in seconds; 0 while it is unknown. */
  void (*random)(void *context, void *data, size_t size);
  /* May be NULL. The service rejected records for good; `body` is its response, a JSON object with `errors`. */
  void (*rejected)(void *context, uint32_t records, const char *body, size_t size);
  void *context; /* For all these functions. */
} ec_config;

typedef enum {
  EC_OK,
  EC_INVALID, /* An argument or a setting is out of range. */
  EC_DROPPED, /* The code is not on storage; it is counted as dropped (in RAM, if the storage failed). */
  EC_STORAGE, /* The storage failed. Try again. */
  EC_REJECTED, /* Records of the last batch were rejected for good. */
  EC_REFUSED, /* Refused with `status`, mostly for a wrong API key or address. All codes are kept, and tried again. */
} ec_result;
typedef enum { EC_IDLE, EC_WAIT, EC_SEND } ec_action;

/* What to POST, as application/json with the headers x-api-key and Idempotency-Key. */
typedef struct {
  uint32_t number; /* For ec_answered. */
  const char *key;
  const char *body;
  size_t size;
} ec_request;

typedef struct {
  int status;              /* 0 if there is no whole response: no connection, a timeout, half a body. */
  const char *retry_after; /* The header's value, or NULL. */
  const char *body;
  size_t size;
  int is_cut; /* The whole body came, but you kept only its beginning: 256 bytes at least. */
} ec_response;
typedef struct { /* Only the first three are for you. */
  ec_result problem; /* What to raise an alarm about, until a batch is delivered. */
  int status;        /* The status that refused the batch. */
  uint32_t count;    /* Codes that are not delivered yet. */
  ec_config config;
  uint64_t milliseconds;                              /* Since ec_open. */
  int64_t uptime;                                     /* The same in seconds. */
  uint32_t last_now, since, wait, backoff;            /* Milliseconds. */
  int file, is_torn, is_unread, has_half_copy;        /* What has to be mended before the next write. */
  uint32_t generation, size, compact_at, boot, head;  /* Offsets in the file. */
  uint32_t gap_at, gap;                               /* Codes before the gap; dropped ones in it. */
  uint32_t dropped, uncounted, limit, number;
  uint32_t batch_count, batch_dropped, batch_end, body_crc;
  int has_batch, has_unknown_times;
  int64_t batch_time, clock_shift;
  uint32_t clock_start, clock_end;                    /* The codes that `clock_shift` is for; 0: their time is unknown. */
  uint8_t key[16];
  char key_text[33];
} ec_queue;

/* Reads the storage. EC_INVALID: a setting is out of range. EC_STORAGE: it cannot be read or mended. */
ec_result ec_open(ec_queue *queue, const ec_config *config, uint32_t now);

/* Stores a code; EC_OK once it is on storage. `timestamp` is in Unix seconds: EC_NOW, or 0 for unknown (so is one out of range). */
#define EC_NOW (-1)
ec_result ec_add(ec_queue *queue, uint32_t now, int32_t err, int64_t timestamp);

/* EC_SEND: send `request` and give the response to ec_answered. EC_WAIT: call again after ec_wait milliseconds. EC_IDLE:
 * nothing waits. The same request comes again until ec_answered has ended its batch, over restarts, too. */
ec_action ec_poll(ec_queue *queue, uint32_t now, ec_request *request);
uint32_t ec_wait(const ec_queue *queue, uint32_t now);

/* Takes the response to the request of this number. */
void ec_answered(ec_queue *queue, uint32_t now, uint32_t number, const ec_response *response);
#ifdef __cplusplus
}
#endif
#endif
