// Loaded before kinesis-mock, which knows no address to listen on and no parent.
'use strict';
const net = require('node:net');

// It would listen on every interface.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== 'number' || typeof rest[0] === 'string') {
    throw new Error('kinesis-mock listens in a way that confined.cjs does not know');
  }
  return listen.call(this, port, '127.0.0.1', ...rest);
};

// The other end of standard input is its parent's alone: it ends when that does, at once.
// kinesis-mock puts an exit of its own in place of Node's, which waits for its clients.
const exit = process.exit;
process.stdin.on('end', () => exit.call(process, 0));
process.stdin.on('error', () => exit.call(process, 0));
process.stdin.resume();
