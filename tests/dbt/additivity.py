"""Finds sums of what must not be summed, in compiled SQL, under whatever name it goes.

A column is followed from the source through CTEs, subqueries, unions, stars, structs and aliases.
It carries its origins: the names of what cannot be added in it. That is a column of that name
(`reach`), or a quotient (`clicks / impressions`). What only decides or counts takes nothing over:
conditions, `count`, the order of `arg_max`.

Whatever is not known to keep figures apart counts as a sum of them, and a way to make columns that
cannot be followed is a finding by itself: the rule fails rather than look away.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.optimizer.scope import Scope, traverse_scope

Origins = frozenset[str]
Columns = dict[str, Origins]
"""The columns of a table that cannot be added, by name; others are left out."""

NOTHING: Origins = frozenset()
RATIO = "a ratio"

UNKNOWN: Origins = frozenset({"not followed"})

# What hands one figure on, or several side by side, and adds up none.
APART = (
    *(exp.Abs, exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.Array, exp.ArrayAgg, exp.Case, exp.Cast),
    *(exp.Coalesce, exp.Explode, exp.Filter, exp.First, exp.Floor, exp.Greatest, exp.If, exp.Lag),
    *(exp.Last, exp.Least, exp.Max, exp.Min, exp.Nullif, exp.Round, exp.Sign, exp.Sqrt),
    *(exp.Struct, exp.ToArray, exp.TryCast),
)
APART_BY_LIST = {"any_value", "count", "first", "last", "list", "max", "min"}

# Quotients by these only rescale: an amount in cents stays an amount, and a count divided by the
# share of it that was visible, or an amount by what one result is worth, stays a count.
UNITS = {"currency_offset", "result_share", "value_share", "unit", "value_per_result"}

STAR_PARTS = {"except_", "except", "replace", "rename"}

_CONDITIONS = (exp.Predicate, exp.Connector, exp.Not, exp.Count, exp.CountIf, exp.Length)
_FIRST_PART = (exp.Filter, exp.ArgMax, exp.ArgMin, exp.Order)


@dataclass(frozen=True)
class Finding:
    """An aggregate over a column that cannot be added, and what that column is made of.

    `apart_by` are the columns of its group or partition: rows that differ in them are not added.
    """

    sql: str
    origins: Origins
    apart_by: frozenset[str] = frozenset()


class Additivity:
    """Follows columns through the models of a project.

    `models` are the compiled queries by table name, `forbidden` the names of columns that cannot
    be added wherever they come from.
    """

    def __init__(self, models: Mapping[str, str], forbidden: frozenset[str]) -> None:
        self._models = models
        self._forbidden = forbidden
        self._columns: dict[str, Columns] = {}
        self._findings: dict[str, list[Finding]] = {}

    def findings(self, model: str) -> list[Finding]:
        """The sums in a model that must not be."""
        self.columns(model)
        return self._findings[model]

    def columns(self, model: str) -> Columns:
        """The columns of a model that cannot be added, with their origins."""
        if model not in self._columns:
            # A model that is built on what it holds already reads itself.
            self._columns[model] = {}
            query = parse_one(self._models[model], dialect="duckdb")
            scopes = traverse_scope(query)
            known: dict[int, Columns] = {}
            found: list[Finding] = []
            for scope in scopes:
                known[id(scope)] = self._outputs(scope, known)
                found += self._wrong_sums(scope, known)
            self._columns[model] = known[id(scopes[-1])]
            self._findings[model] = found
        return self._columns[model]

    def _outputs(self, scope: Scope, known: Mapping[int, Columns]) -> Columns:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            return _of_union(query, [known[id(branch)] for branch in scope.set_operation_scopes])
        if not isinstance(query, exp.Select):
            return {}
        outputs: Columns = {}
        for item in query.selects:
            if item.is_star:
                outputs |= self._star(item, scope, known)
            elif isinstance(item, exp.Explode):
                for field in _fields(item):
                    name = field.name.lower()
                    origins = self._origins(field.expression, scope, known)
                    if origins := origins | (frozenset({name}) & self._forbidden):
                        outputs[name] = outputs.get(name, NOTHING) | origins
            else:
                name = item.alias_or_name.lower()
                origins = self._origins(item, scope, known) | (frozenset({name}) & self._forbidden)
                if origins:
                    outputs[name] = origins
        return outputs

    def _star(self, item: exp.Expr, scope: Scope, known: Mapping[int, Columns]) -> Columns:
        star = item.this if isinstance(item, exp.Column) else item
        source = item.table if isinstance(item, exp.Column) else ""
        columns: Columns = {}
        for name in [source] if source else list(scope.selected_sources):
            columns |= self._source(name, scope, known)
        for left_out in star.args.get("except_") or star.args.get("except") or ():
            columns.pop(left_out.name.lower(), None)
        for renamed in star.args.get("rename") or ():
            old = renamed.this.name.lower()
            if origins := columns.pop(old, NOTHING) | (frozenset({old}) & self._forbidden):
                columns[renamed.alias.lower()] = origins
        for replaced in star.args.get("replace") or ():
            columns.pop(replaced.alias_or_name.lower(), None)
            if origins := self._origins(replaced, scope, known):
                columns[replaced.alias_or_name.lower()] = origins
        return columns

    def _source(self, name: str, scope: Scope, known: Mapping[int, Columns]) -> Columns:
        _, source = scope.selected_sources.get(name, (None, None))
        if isinstance(source, Scope):
            return dict(known.get(id(source), {}))
        if isinstance(source, exp.Table) and source.name in self._models:
            return dict(self.columns(source.name))
        return {}

    def _origins(self, expression: exp.Expr, scope: Scope, known: Mapping[int, Columns]) -> Origins:
        origins = NOTHING
        for part in _values(expression):
            if isinstance(part, exp.Div | exp.IntDiv):
                origins |= self._of_quotient(part, scope, known)
            elif isinstance(part, exp.Dot):
                origins |= {part.name} & self._forbidden
            elif isinstance(part, exp.Column):
                origins |= self._of_column(part, scope, known)
            elif isinstance(part, exp.Query):
                for inner in scope.subquery_scopes:
                    if inner.expression is part.unnest():
                        origins = origins.union(*known[id(inner)].values())
        return origins

    def _of_quotient(
        self, division: exp.Binary, scope: Scope, known: Mapping[int, Columns]
    ) -> Origins:
        origins = self._origins(division.this, scope, known)
        return origins | {RATIO} if _is_ratio(division) else origins

    def _of_column(self, column: exp.Column, scope: Scope, known: Mapping[int, Columns]) -> Origins:
        name = column.name.lower()
        origins = frozenset({name}) & self._forbidden
        read = scope.selected_sources
        names = [column.table] if column.table in read else list(read)
        for source in names:
            origins |= self._source(source, scope, known).get(name, NOTHING)
        if not column.table:
            for item in _items_before(column, scope.expression):
                if isinstance(item, exp.Alias) and item.alias.lower() == name:
                    origins |= self._origins(item.this, scope, known)
        return origins

    def _wrong_sums(self, scope: Scope, known: Mapping[int, Columns]) -> Iterator[Finding]:
        if not isinstance(scope.expression, exp.Select):
            return
        for form in scope.find_all(exp.Star, exp.Columns, exp.Explode, exp.Pivot):
            if not _is_followed(form):
                yield Finding(form.sql(dialect="duckdb"), UNKNOWN)
        for call in scope.find_all(exp.Func):
            if not _keeps_apart(call) and (
                origins := frozenset[str]().union(
                    *(self._origins(part, scope, known) for part in call.iter_expressions())
                )
            ):
                yield Finding(
                    call.sql(dialect="duckdb"), origins, _apart_by(call, scope.expression)
                )


class Amounts(Additivity):
    """Follows amounts of money: they can be added, but not over rows of two currencies."""

    def findings(self, model: str) -> list[Finding]:
        """The sums of amounts over rows that neither a currency nor an ad account keeps apart."""
        return [
            finding
            for finding in super().findings(model)
            if finding.origins != UNKNOWN
            and not finding.sql.lower().startswith("list_")
            and not finding.apart_by & {"account_currency", "ad_account_id"}
        ]

    def _of_quotient(
        self, division: exp.Binary, scope: Scope, known: Mapping[int, Columns]
    ) -> Origins:
        """An amount by an amount is a number."""
        if self._origins(division.expression, scope, known):
            return NOTHING
        return self._origins(division.this, scope, known)


def _apart_by(call: exp.Func, query: exp.Select) -> frozenset[str]:
    """The columns of an aggregate's partition or, without a window, of its query's group."""
    above = call.parent.parent if isinstance(call.parent, exp.Filter) else call.parent
    if isinstance(above, exp.Window):
        named = {window.name: window for window in query.args.get("windows") or ()}
        keys = named.get(above.alias, above).args.get("partition_by") or ()
    elif (group := query.args.get("group")) and group.args.get("all"):
        keys = [item for item in query.selects if not item.find(exp.AggFunc)]
    else:
        keys = group.expressions if group else ()
    return frozenset(key.alias_or_name.lower() for key in keys)


def _keeps_apart(call: exp.Func) -> bool:
    """Whether a function hands on figures without adding them up, or only decides or counts."""
    name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
    if name in {"list_aggregate", "list_aggr"}:
        return call.expressions[-1].name.lower() in APART_BY_LIST
    return name == "row" or isinstance(call, (*APART, *_CONDITIONS))


def _is_followed(form: exp.Expr) -> bool:
    """Whether it is known which columns a form makes: stars of a select or within `count`."""
    if isinstance(form, exp.Star):
        place = form.parent.parent if isinstance(form.parent, exp.Column) else form.parent
        is_known = {key for key, value in form.args.items() if value} <= STAR_PARTS
        return is_known and isinstance(place, exp.Select | exp.Count)
    if isinstance(form, exp.Explode):
        return not isinstance(form.parent, exp.Select) or bool(_fields(form))
    return False


def _fields(unnested: exp.Explode) -> list[exp.Expr]:
    """The fields of the structs in a list that is unnested, where it is written out."""
    structs = unnested.this.expressions if isinstance(unnested.this, exp.Array) else []
    if not all(isinstance(struct, exp.Struct) for struct in structs):
        return []
    return [field for struct in structs for field in struct.expressions]


def _items_before(column: exp.Column, query: exp.Expr) -> list[exp.Expr]:
    """The items of a select whose names a column may mean: those before the one it is in."""
    items = query.selects if isinstance(query, exp.Select) else []
    above: exp.Expr | None = column
    while above is not None:
        for place, item in enumerate(items):
            if item is above:
                return items[:place]
        above = above.parent
    return []


def _of_union(query: exp.SetOperation, branches: list[Columns]) -> Columns:
    """A union's columns have the names of its first branch, and go by their place."""
    outputs: Columns = {}
    names = [[item.alias_or_name.lower() for item in _selects(side)] for side in _sides(query)]
    by_place = all(len(side) == len(names[0]) and "*" not in side for side in names)
    for side, columns in zip(names, branches, strict=True):
        for name, origins in columns.items():
            target = names[0][side.index(name)] if by_place and name in side else name
            outputs[target] = outputs.get(target, NOTHING) | origins
    return outputs


def _sides(query: exp.SetOperation) -> list[exp.Expr]:
    return [query.left, query.right]


def _selects(query: exp.Expr) -> list[exp.Expr]:
    while isinstance(query, exp.Subquery | exp.SetOperation):
        query = query.this
    return query.selects if isinstance(query, exp.Select) else []


def _is_ratio(division: exp.Binary) -> bool:
    """Whether a quotient depends on the row beyond its unit: by a column that is no unit."""
    return any(column.name not in UNITS for column in division.expression.find_all(exp.Column))


def _values(expression: exp.Expr) -> Iterator[exp.Expr]:
    """The columns, quotients and queries that an expression's value is made of."""
    if isinstance(expression, exp.Window):
        yield from _values(expression.this)
        return
    if isinstance(expression, _CONDITIONS):
        return
    if isinstance(expression, exp.Column | exp.Query | exp.Div | exp.IntDiv):
        yield expression
        return
    if isinstance(expression, exp.Dot):
        yield expression
    for part in _value_parts(expression):
        yield from _values(part)


def _value_parts(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Of `case` the results, of `filter` and `arg_max` the first part, else all."""
    if isinstance(expression, exp.Case):
        for branch in expression.args["ifs"]:
            yield branch.args["true"]
        if default := expression.args.get("default"):
            yield default
    elif isinstance(expression, _FIRST_PART):
        yield expression.this
    elif isinstance(expression, exp.If):
        yield expression.args["true"]
        if otherwise := expression.args.get("false"):
            yield otherwise
    else:
        yield from expression.iter_expressions()
