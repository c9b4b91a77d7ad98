"""S3 Batch Operations on one machine: jobs that invoke a real Lambda function for every object of a manifest.

Of its operations only ``LambdaInvoke`` is here. What a caller may do is not checked, ``iam:PassRole`` neither; what a
job may do is its role's, as the emulator enforces it.
"""
