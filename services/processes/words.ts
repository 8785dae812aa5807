import type { MetricObjectWithValues, MetricValue } from "prom-client";
import type { Servers } from "../servers.ts";

/** A metric as prom-client tells it between processes. */
export type Reported = MetricObjectWithValues<MetricValue<string>>;

/** What a worker says to its steward. */
export type ToSteward =
  /** It has begun and needs to know where the stores are. */
  | { word: "born" }
  /** It serves, under the port and as the node named. */
  | { word: "serves"; port: number | null; node: string }
  /** It could not start. */
  | { word: "failed"; reason: string }
  /** Somebody asked it for the metrics of all. */
  | { word: "scrape"; question: number }
  | { word: "reported"; question: number; metrics: Reported[] };

/** What a steward says to its workers. Secrets go this way only: never by command line or environment. */
export type ToWorker =
  | { word: "stores"; servers: Servers; port: number }
  | { word: "stop" }
  /** The process of a node has ended. */
  | { word: "gone"; node: string }
  | { word: "report"; question: number }
  | { word: "scraped"; question: number; text: string };
