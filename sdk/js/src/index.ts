// The module: import { init } from '@weir/browser', or from the address /sdk.mjs of a weir.
import { create, Options, Weir } from './client';

export type { Config, Options, Props, Weir } from './client';

/** Makes a client for a site and starts to record. Make one for a page. */
export const init = (options: Options): Weir => create(options);
