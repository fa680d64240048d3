"""Expectations as an analyst reads them, in both languages. What has no sentence here is shown by its name."""

from collections.abc import Mapping
from typing import Any

# By Great Expectations' name without `expect_`: English, Chinese; {range}, {set} and {regex} are made of the arguments.
_SENTENCES = {
    "table_columns_to_match_set": ("the columns are those of the schema", "列与表结构一致"),
    "table_row_count_to_be_between": ("number of rows: {range}", "行数：{range}"),
    "column_values_to_not_be_null": ("is filled", "不为空"),
    "column_values_to_be_in_type_list": ("is of the type {set}", "类型为 {set}"),
    "column_values_to_be_of_type": ("is of the stated type", "类型符合规定"),
    "column_values_to_be_unique": ("is unique", "值唯一"),
    "compound_columns_to_be_unique": ("together name a row once", "组合起来唯一标识一行"),
    "column_values_to_match_regex": ("has the form {regex}", "格式为 {regex}"),
    "column_values_to_not_match_regex": ("holds nothing of the form {regex}", "不含格式 {regex}"),
    "column_values_to_be_in_set": ("is one of {set}", "取值属于 {set}"),
    "column_values_to_not_be_in_set": ("is none of {set}", "取值不属于 {set}"),
    "column_values_to_be_between": ("lies within {range}", "范围：{range}"),
    "column_value_lengths_to_be_between": ("length within {range}", "长度范围：{range}"),
    "column_pair_values_a_to_be_greater_than_b": ("the first is not below the second", "前者不小于后者"),
    "column_values_to_be_json_parseable": ("is JSON", "为合法 JSON"),
    "column_unique_value_count_to_be_between": ("number of different values: {range}", "不同取值个数：{range}"),
    "column_mean_to_be_between": ("mean within {range}", "均值范围：{range}"),
}
_MOST = 12  # values of a set that are written out


def describe(result: Mapping[str, Any]) -> tuple[str, str]:
    """What a result's expectation asks, in English and Chinese.

    Args:
        result: of a `quality.Report`, with `expectation` and `arguments`; nothing else of it is used.

    Example:
        >>> describe({"expectation": "expect_column_values_to_be_between", "arguments": {"min_value": 1, "max_value": 5}})[0]
        'lies within 1 to 5'
    """
    arguments = result.get("arguments") or {}
    code = str(result["expectation"]).removeprefix("expect_")
    plain = code.replace("_", " ")
    en, zh = _SENTENCES.get(code, (plain, plain))
    values = arguments.get("value_set") or arguments.get("type_list") or []
    shown = ", ".join(str(value) for value in values[:_MOST]) + (", …" if len(values) > _MOST else "")
    said = {"set": shown, "regex": str(arguments.get("regex", ""))}
    ranges = _range(arguments.get("min_value"), arguments.get("max_value"))
    return (
        en.format(**said, range=ranges[0]) + _limits(arguments)[0],
        zh.format(**said, range=ranges[1]) + _limits(arguments)[1],
    )


def _range(low: Any, high: Any) -> tuple[str, str]:
    if low is None:
        return f"at most {high}", f"不超过 {high}"
    if high is None:
        return f"at least {low}", f"不小于 {low}"
    return (str(low), str(low)) if low == high else (f"{low} to {high}", f"{low} 至 {high}")


def _limits(arguments: Mapping[str, Any]) -> tuple[str, str]:
    en = zh = ""
    if "row_condition" in arguments:
        en, zh = f", where {arguments['row_condition']}", f"，条件 {arguments['row_condition']}"
    if "mostly" in arguments:
        en, zh = f"{en}, for {arguments['mostly']:.0%} of the rows", f"{zh}，至少 {arguments['mostly']:.0%} 的行"
    return en, zh
