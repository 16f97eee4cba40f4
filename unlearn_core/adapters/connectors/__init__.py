"""Training sources of several kinds behind the one `SourceConnector` port.

Third parties add kinds through the entry-point group named here. A connector kind
is a function ``(SourceSpec) -> SourceConnector``.
"""

from collections.abc import Callable

from unlearn_core.adapters.connectors.specification import SourceSpec
from unlearn_core.ports import SourceConnector
from unlearn_core.registry import Registry

ConnectorFactory = Callable[[SourceSpec], SourceConnector]

CONNECTORS: Registry[ConnectorFactory] = Registry(
    kind="connector",
    group="unlearn_core.connectors",
    package=__name__,
    builtins={
        "csv": ".delimited:DelimitedConnector",
        "dataset": ".arrow:DatasetConnector",
        "jsonl": ".jsonl:JsonLinesConnector",
        "mail": ".mail:MailConnector",
        "parquet": ".parquet:ParquetConnector",
        "s3": ".bucket:BucketConnector",
        "sql": ".sql:SqlConnector",
    },
)
