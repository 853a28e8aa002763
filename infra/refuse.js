'use strict';

// Ends packaging. osls prints the stack of what is thrown in a file of variables; an operator needs the sentence.
const refuse = (sentence) => {
  const error = new Error(sentence);
  error.stack = sentence;
  throw error;
};

module.exports = { refuse };
