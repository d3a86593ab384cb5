/** The parser as undici ships it (llhttp compiled to WebAssembly): a module of bytes, without types of its own. */
declare module 'undici/lib/llhttp/llhttp_simd-wasm.js' {
  const binary: Uint8Array;
  export default binary;
}
declare module 'undici/lib/llhttp/llhttp-wasm.js' {
  const binary: Uint8Array;
  export default binary;
}

/** As much of WebAssembly as the parser needs; the compiler's own declarations come with the DOM only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: Record<string, Record<string, (...numbers: number[]) => number>>) => { readonly exports: unknown };
};
