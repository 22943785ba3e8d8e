#!/usr/bin/env -S node --max-semi-space-size=32
// A larger nursery for short-lived rows: a batch of a sync outlives the usual one, and would be copied over and over.
/** The program `millrace`: finds the command, runs it, prints its report, ends with its exit code. */
import { runCli } from './run.ts';

process.exitCode = await runCli(process.argv.slice(2));
// What a library left behind (a timer, a socket) must not keep a finished command alive.
setTimeout(() => process.exit(), 2_000).unref();
