/** Why a command ends: one line on standard error, and an exit code. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** 1: it didn't work; 2: it was asked wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
