import { Compile } from "typebox/compile";
import { UserId } from "#shared/wire/values.ts";

const userId = Compile(UserId);

/** Whether a value from outside is a user id. */
export function isUserId(value: unknown): value is string {
  return userId.Check(value);
}
