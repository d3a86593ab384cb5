/**
 * A reason not to start that a person can act upon: it is printed as it stands, without a stack trace. Everything else
 * that ends a start is a bug and is printed whole.
 */
export class StartError extends Error {
  override readonly name: string = 'StartError';
  /** 2 for a command line that can't be read, 1 for everything else. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
