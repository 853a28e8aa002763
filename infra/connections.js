// Connections: how many the database accepts, and how many the functions may hold. Packaging refuses too many, so that
// no burst meets MySQL's error 1040.
'use strict';

const { refuse } = require('./refuse');

// Memory in GiB of the classes that RDS offers for MySQL 8.4 on Graviton; add a line for another one.
// Performance Insights does not support the two smallest.
const CLASSES = {
  'db.t4g.micro': { memory: 1, insights: false },
  'db.t4g.small': { memory: 2, insights: false },
  'db.t4g.medium': { memory: 4, insights: true },
  'db.t4g.large': { memory: 8, insights: true },
  'db.t4g.xlarge': { memory: 16, insights: true },
  'db.t4g.2xlarge': { memory: 32, insights: true },
  'db.m7g.large': { memory: 8, insights: true },
  'db.m7g.xlarge': { memory: 16, insights: true },
  'db.m7g.2xlarge': { memory: 32, insights: true },
  'db.m7g.4xlarge': { memory: 64, insights: true },
  'db.r7g.large': { memory: 16, insights: true },
  'db.r7g.xlarge': { memory: 32, insights: true },
  'db.r7g.2xlarge': { memory: 64, insights: true },
  'db.r7g.4xlarge': { memory: 128, insights: true },
};

// RDS's default is {DBInstanceClassMemory/12582880}, where the memory is what the system and RDS's processes leave. That
// is more than 70 % of the nominal memory on every class that was measured, so this setting never promises too much.
const maxConnections = (databaseClass) =>
  Math.min(16000, Math.floor((CLASSES[databaseClass].memory * 2 ** 30 * 0.7) / 12582880));

// One connection per environment.
const PER_ENVIRONMENT = 1;

// A deployment replaces all environments at once. The old ones do not close their connections, so the server counts
// those for another half minute (wait_timeout in crates/logs-core/src/mysql/statements.rs).
const REPLACED = 2;

// migrate, retention and summarize.
const ONE_AT_A_TIME = 3;

// RDS's own sessions, and those of an operator.
const HEADROOM = 10;

// "a, b or c"
const list = (names, last) => [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(` ${last} `);

// `names`: the functions that hold connections, besides these three. `environments`: their maximum together.
const refuseOverbooking = ({ names, environments, available, mend }) => {
  const connections = PER_ENVIRONMENT * (REPLACED * environments + ONE_AT_A_TIME) + HEADROOM;
  if (connections < available) return;
  refuse(
    `The functions may need ${connections} connections (two for each environment of ${list(names, 'and')} while code ` +
      `is replaced, one each for migrate, retention and summarize, ${HEADROOM} in reserve), and the ` +
      `database takes ${available}; ${mend}.`,
  );
};

module.exports = { CLASSES, list, maxConnections, refuseOverbooking };
