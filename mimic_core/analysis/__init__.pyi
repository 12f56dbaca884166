from .report import ReportSpec as ReportSpec
from .result import FORMATS as FORMATS
from .result import Headline as Headline
from .result import Result as Result
from .result import Table as Table
from .spec import AnalysisSpec as AnalysisSpec
