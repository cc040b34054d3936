import { constants, brotliCompressSync, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const texts = /\.(js|css|html|svg|json|webmanifest)$/;

/** Writes .br and .gz beside every text of the build that is worth it; the server picks one by Accept-Encoding. */
export function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const [name, file] of Object.entries(bundle)) {
          const data = Buffer.from(file.type === 'chunk' ? file.code : file.source);
          if (!texts.test(name) || data.length < 1024) continue;
          this.emitFile({ type: 'asset', fileName: `${name}.gz`, source: gzipSync(data, { level: 9 }) });
          const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
          this.emitFile({ type: 'asset', fileName: `${name}.br`, source: brotliCompressSync(data, { params }) });
        }
      },
    },
  };
}
