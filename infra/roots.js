// Checks that the functions trust a database in this region: a root of the region signs its certificate, and the roots
// are compiled in.
'use strict';

const { X509Certificate } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const { refuse } = require('./refuse');

const FILE = 'crates/logs-core/certificates/rds.pem';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const refuseUnknownRoot = (region) => {
  const certificates = readFileSync(join(__dirname, '..', FILE), 'utf8').match(CERTIFICATE);
  const names = certificates.map((certificate) => new X509Certificate(certificate).subject);
  if (names.some((name) => name.includes(`CN=Amazon RDS ${region} Root CA`))) return;
  refuse(
    `${FILE} has no root of RDS in ${region}, so the functions would trust no database there; its head says how to ` +
      'replace it.',
  );
};

module.exports = { refuseUnknownRoot };
