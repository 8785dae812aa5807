const TYPES: readonly [RegExp, string][] = [
  [
    /^(JSON|JSONStrings|JSONColumns|JSONCompactColumns|JSONColumnsWithMetadata|JSONObjectEachRow|JSONCompact|JSONCompactStrings)$/,
    "application/json; charset=UTF-8",
  ],
  [/^(JSONEachRowWithProgress|JSONStringsEachRowWithProgress|JSON.*EachRow.*|JSONLines|NDJSON)$/, "application/x-ndjson; charset=UTF-8"],
  [/^CSV/, "text/csv; charset=UTF-8; header=absent"],
  [/^(TSV|TabSeparated|Raw|LineAsString)/, "text/tab-separated-values; charset=UTF-8"],
  [/^XML$/, "application/xml; charset=UTF-8"],
  [/^(Pretty|Vertical|Markdown|Values|SQLInsert|Template|CustomSeparated|Hash|PrettyJSON)/, "text/plain; charset=UTF-8"],
  [/^(Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|Npy|RawBLOB|Protobuf|CapnProto|BSON)/, "application/octet-stream"],
];

/** The Content-Type of a format, as ClickHouse gives it. */
export const contentType = (format: string): string => {
  const type = TYPES.find(([pattern]) => pattern.test(format))?.[1] ?? "text/plain; charset=UTF-8";
  return format.includes("WithNames") ? type.replace("header=absent", "header=present") : type;
};
