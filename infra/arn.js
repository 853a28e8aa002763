'use strict';

// How an ARN of this account and region begins, for Fn::Sub.
const arnOf = (service) => `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}`;

module.exports = { arnOf };
