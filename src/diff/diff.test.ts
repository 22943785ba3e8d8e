import { makeDuckdb } from '../warehouse/warehouse.test-support.ts';
import { diffConformance } from './diff.conformance.ts';

diffConformance('duckdb', makeDuckdb);
