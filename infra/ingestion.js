// How error codes get from post-log into the database: checks the parameters and derives the queue's numbers from them.
'use strict';

const { refuse } = require('./refuse');

const WAYS = ['direct', 'queued', 'draining'];

// Refused with ingestion=direct if they are on the command line. The block of prod in serverless.yml always has them.
const OF_QUEUE = ['queueWindow', 'storeLogsConcurrency'];

// Timeout of store-logs, in seconds.
const TIMEOUT = 30;

// SQS's maximum, so that no message expires in an outage. The age of a dead letter counts from its POST as well, so its
// queue must not keep messages for less.
const KEPT_DAYS = 14;

// The longest time from a POST to a delivery: a dead letter that is redriven on its last day gets 14 new days.
const LONGEST_WAY = 2 * KEPT_DAYS;

// Seconds of a database outage before good messages become dead letters.
const OUTAGE = 3600;

const queueOf = (given) => {
  const window = given.number('queueWindow', 1, 300);
  // AWS recommends six timeouts plus the window: Lambda retries when it was throttled, and until it gives up nobody else
  // must receive the messages.
  const visibility = 6 * TIMEOUT + window;
  return {
    window,
    visibility,
    timeout: TIMEOUT,
    keptSeconds: KEPT_DAYS * 24 * 60 * 60,
    concurrency: given.number('storeLogsConcurrency', 2, 1000),
    // A failed message is delivered again after the visibility timeout. Many deliveries are cheap: a bad message fails
    // alone, and an alarm reports it long before it becomes a dead letter.
    maxReceiveCount: Math.ceil(OUTAGE / visibility),
    // For the alarms (infra/queue). A failed message is delivered again within `retryPeriod`.
    retryPeriod: Math.ceil((visibility + window + TIMEOUT) / 60) * 60,
    age: Math.floor(1.5 * visibility),
    lag: 60 + window,
  };
};

// `queue` is null in direct mode. `ofCommand`: the names of the parameters on the command line.
const ingestion = (given, ofCommand, batchRetention) => {
  const way = given.choice('ingestion', WAYS);
  if (way === 'direct') {
    const wrong = OF_QUEUE.find((name) => ofCommand.includes(name));
    if (wrong) refuse(`${wrong} is for ingestion=queued or draining, and ingestion is direct.`);
    return { ingestion: way, postLogMode: 'direct', queue: null };
  }
  if (batchRetention < LONGEST_WAY) {
    refuse(
      `batchRetention must be at least ${LONGEST_WAY} beside a queue, not ${batchRetention}: a message that is ` +
        'redriven can come again after as long, and only the ledger knows that it is stored.',
    );
  }
  return { ingestion: way, postLogMode: way === 'queued' ? 'queued' : 'direct', queue: queueOf(given) };
};

module.exports = { ingestion };
