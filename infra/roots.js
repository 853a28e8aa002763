// Checks that the functions trust a database in this region: a root of the region signs its certificate, and the roots
// are compiled in.
'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const { refuse } = require('./refuse');

const FOLDER = 'crates/logs-core/certificates/rds';

const refuseUnknownRoot = (region) => {
  if (existsSync(join(__dirname, '..', FOLDER, `${region}.pem`))) return;
  refuse(
    `${FOLDER} has no roots of RDS in ${region}, so the functions would trust no database there; its README.md says how ` +
      'to add them.',
  );
};

module.exports = { refuseUnknownRoot };
