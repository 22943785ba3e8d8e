import { makePostgres } from '../warehouse/warehouse.test-support.ts';
import { diffConformance } from './diff.conformance.ts';

diffConformance('postgres', makePostgres);
