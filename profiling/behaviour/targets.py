"""The names of what is predicted. (A stand-in for the parallel work: whoever merges keeps the real module.)"""

TARGET_NAMES = ("repeat_purchase", "reviews_again", "churn", "satisfied")
