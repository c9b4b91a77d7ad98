"""S3 Batch Operations on one machine: jobs that invoke a real Lambda function for every object of a manifest.

Of its operations only ``LambdaInvoke`` is here. A caller's permissions are not checked, nor is ``iam:PassRole``; a
job's permissions are its role's, enforced by the emulator.
"""
