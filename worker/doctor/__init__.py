"""Doctor: looks at every part of an installation and says what needs an operator (`watchpost doctor`)."""

from worker.doctor.examination import examine
from worker.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
