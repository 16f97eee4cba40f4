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
    builtins={
        "csv": "unlearn_core.adapters.connectors.delimited:DelimitedConnector",
        "dataset": "unlearn_core.adapters.connectors.arrow:DatasetConnector",
        "jsonl": "unlearn_core.adapters.connectors.jsonl:JsonLinesConnector",
        "mail": "unlearn_core.adapters.connectors.mail:MailConnector",
        "parquet": "unlearn_core.adapters.connectors.parquet:ParquetConnector",
        "s3": "unlearn_core.adapters.connectors.bucket:BucketConnector",
        "sql": "unlearn_core.adapters.connectors.sql:SqlConnector",
    },
)
