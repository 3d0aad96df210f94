{{ config(
    key=['submission_id'],
    slice_by=['submission_id'],
    touched_by={
        'int_support__case': ['submission_id'],
    }
) }}

{{ province_of_report(
    ref('int_support__case') ~ ' -- slice: submission_id', ['province_code', 'year_end_province_code']
) }}
