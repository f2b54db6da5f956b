from fastphx.load.journeys.failure import HttpError as HttpError
from fastphx.load.journeys.failure import StepError as StepError
from fastphx.load.journeys.user import User as User
from fastphx.load.library.run import run as run
from fastphx.load.library.run import run_sync as run_sync
from fastphx.load.plan.error import PlanError as PlanError
from fastphx.load.plan.plan import Plan as Plan
from fastphx.load.result.result import Result as Result
