/**
 * The one door of @zscale/cli for programs: the types of config files. The command itself is `bin/zscale.js`.
 */
export { type Config, defineConfig, type Quantity } from './config.ts';
