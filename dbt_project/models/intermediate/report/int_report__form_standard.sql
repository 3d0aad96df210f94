{{ config(key=['submission_id']) }}

with list_of_sender as (
    select
        sender_code,
        period_code,
        min(standard_code) as standard_code
    from {{ ref('stg_submission') }}
    where dataset = 'household_review'
    group by sender_code, period_code
    having count(distinct standard_code) = 1
),

standard_of_year as (
    select
        years.review_year,
        min(standard.code) as standard_code
    from {{ ref('poverty_standard') }} as standard
    cross join
        lateral generate_series(standard.review_year_from, standard.review_year_to) as years (review_year)
    group by years.review_year
    having count(distinct standard.code) = 1
)

select
    form.submission_id,
    coalesce(
        nullif(form.standard_code, ''), list_of_sender.standard_code, standard_of_year.standard_code, ''
    ) as standard_code
from {{ ref('stg_submission') }} as form
left join list_of_sender
    on
        form.sender_code = list_of_sender.sender_code
        and form.period_code = list_of_sender.period_code
left join standard_of_year on form.period_year = standard_of_year.review_year
where form.dataset in ('review_result', 'poor_movement', 'near_poor_movement')
