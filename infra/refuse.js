'use strict';

// Ends packaging with one sentence for the operator. For a thrown error osls would print the stack trace as well.
const refuse = (sentence) => {
  const error = new Error(sentence);
  error.stack = sentence;
  throw error;
};

module.exports = { refuse };
