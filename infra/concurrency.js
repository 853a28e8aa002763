// How many environments each function may have at once, and that MySQL takes the connections of all.
'use strict';

const { list, refuseOverbooking } = require('./connections');
const { refuse } = require('./refuse');

const NAMES = { postLog: 'post-log', getLogs: 'get-logs', storeLogs: 'store-logs' };

// Messages that Lambda received and has no environment for would come nearer to the dead letters.
const refuseTooFew = (queue, account) => {
  if (queue && account > 0 && queue.concurrency > account) {
    refuse(`storeLogsConcurrency (${queue.concurrency}) is more than accountConcurrency (${account}).`);
  }
};

// `available` are the connections that the server takes; null where there are none to count, with DynamoDB.
const concurrency = (given, available, { postLogMode, queue }) => {
  const many = {
    postLog: given.number('postLogConcurrency', 1, 1000),
    getLogs: given.number('getLogsConcurrency', 1, 1000),
    ...(queue && { storeLogs: queue.concurrency }),
  };
  const provisioned = {
    postLog: given.number('postLogProvisioned', 0, 1000),
    getLogs: given.number('getLogsProvisioned', 0, 1000),
  };
  const account = given.number('accountConcurrency', 0, 100000);
  for (const [name, warm] of Object.entries(provisioned)) {
    if (warm > 0 && account > 0) {
      refuse(`${name}Provisioned needs a reservation, and accountConcurrency leaves reservations out.`);
    }
    if (warm > many[name]) {
      refuse(`${name}Provisioned (${warm}) is more than ${name}Concurrency (${many[name]}).`);
    }
  }

  // A queued post-log has no connection.
  const holders = Object.keys(many).filter((name) => name !== 'postLog' || postLogMode === 'direct');
  const names = holders.map((name) => NAMES[name]);
  if (available === null) {
    refuseTooFew(queue, account);
    return { reserved: account === 0 ? many : {}, provisioned };
  }
  if (account === 0) {
    refuseOverbooking({
      names,
      environments: holders.reduce((sum, name) => sum + many[name], 0),
      available,
      mend: `lower ${list(holders.map((name) => `${name}Concurrency`), 'or')}, or take a larger database`,
    });
    // One at a time; a second call is refused, not queued behind the first one's lock.
    return { reserved: { ...many, migrate: 1, retention: 1, summarize: 1 }, provisioned };
  }
  refuseTooFew(queue, account);
  // However the account's environments fall on the functions; three of them run one at a time.
  refuseOverbooking({
    names,
    environments: Math.max(account - 3, 0),
    available,
    mend: 'reserve concurrency (accountConcurrency=0), or take a larger database',
  });
  return { reserved: {}, provisioned };
};

module.exports = { concurrency };
