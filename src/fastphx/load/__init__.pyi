from fastphx.load.journeys.user import User as User
