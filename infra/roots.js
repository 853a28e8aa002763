// Checks that the functions trust a database in this region: a root of the region signs its certificate, and the roots
// are compiled in.
'use strict';

const { X509Certificate } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const { refuse } = require('./refuse');

const FOLDER = 'crates/logs-core/certificates/rds';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const refuseUnknownRoot = (region) => {
  const file = join(__dirname, '..', FOLDER, `${region}.pem`);
  const certificates = (existsSync(file) && readFileSync(file, 'utf8').match(CERTIFICATE)) || [];
  const names = certificates.map((certificate) => new X509Certificate(certificate).subject);
  if (names.some((name) => name.includes(`CN=Amazon RDS ${region} Root CA`))) return;
  refuse(
    `${FOLDER} has no roots of RDS in ${region}, so the functions would trust no database there; its README.md says how ` +
      'to add them.',
  );
};

module.exports = { refuseUnknownRoot };
