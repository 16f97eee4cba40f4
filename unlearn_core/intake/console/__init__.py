"""Pages for operators, approvers and auditors, behind a sign-in."""
