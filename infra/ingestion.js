// How error codes get from post-log into the database: the parameters of it, and the queue's numbers, which follow from
// each other.
'use strict';

const { refuse } = require('./refuse');

const WAYS = ['direct', 'queued', 'draining'];

// A mistake beside ingestion=direct, when somebody names them for one deployment; prod's own block always does.
const OF_QUEUE = ['queueWindow', 'storeLogsConcurrency'];

// Seconds that store-logs may take for a batch.
const TIMEOUT = 30;

// The longest that SQS keeps a message: an outage must not make one expire. A dead letter's days count from the POST,
// too, so its queue cannot have less.
const KEPT_DAYS = 14;

// A redriven dead letter is a new message to SQS, with all its days before it: this is for one redrive on the last day.
const LONGEST_WAY = 2 * KEPT_DAYS;

// Seconds that the database may be away before healthy messages become dead letters.
const OUTAGE = 3600;

const queueOf = (given) => {
  const window = given.number('queueWindow', 1, 300);
  // AWS asks for six timeouts and the window: Lambda tries again by itself when it was throttled, and nobody else must
  // get the messages until it has given up.
  const visibility = 6 * TIMEOUT + window;
  return {
    window,
    visibility,
    timeout: TIMEOUT,
    keptSeconds: KEPT_DAYS * 24 * 60 * 60,
    concurrency: given.number('storeLogsConcurrency', 2, 1000),
    // A message that failed comes again after the visibility timeout. Many times is cheap: the poison among them fails
    // alone and costs its neighbours nothing, and an alarm tells of it long before it is put aside.
    maxReceiveCount: Math.ceil(OUTAGE / visibility),
    // For the alarms (infra/queue). A message that failed comes again within `retryPeriod`.
    retryPeriod: Math.ceil((visibility + window + TIMEOUT) / 60) * 60,
    age: Math.floor(1.5 * visibility),
    lag: 60 + window,
  };
};

// `queue` is null where there is none. `ofCommand` are the names of the parameters on the command line.
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
