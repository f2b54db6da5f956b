from fastphx.load.journeys.failure import HttpError as HttpError
from fastphx.load.journeys.failure import StepError as StepError
from fastphx.load.journeys.user import User as User
